-- So many invitations and no more go to an address by letter, whoever invites.
ALTER TABLE invitation ADD COLUMN posted boolean NOT NULL DEFAULT true;
CREATE INDEX invitation_posted ON invitation (email, created_at) WHERE posted;

-- Invitations are sent after all other letters: nobody waits for one at a page.
CREATE INDEX mail_due_in_order ON mail ((kind = 'invitation'), due_at)
WHERE sent_at IS NULL AND failed_at IS NULL;
DROP INDEX mail_due;

-- How far this module has followed other modules' feeds, moved in the same transaction as the
-- effect.
CREATE TABLE follower_position (
  follower text NOT NULL,
  feed text NOT NULL,
  position bigint NOT NULL CHECK (position >= 0),
  PRIMARY KEY (follower, feed)
);

GRANT SELECT, INSERT, UPDATE ON follower_position TO {role};

/** The team: who is in it, who is invited, and roles of one's own. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Button, Field, Identifier, Moment, Status } from "../../design";
import { useWords } from "../../words";
import {
  Act,
  Answered,
  Heading,
  office,
  Rows,
  Section,
  Select,
  useMay,
  useSession,
  type Column,
  type Schemas,
} from "../kit";
import { ShownOnce } from "../developers/once";
import { useNamed } from "../pages/asking";
import { CATALOGUE as GENERAL } from "../words";
import { OwnRoles, ROLES, useRoles } from "./roles";
import { CATALOGUE } from "./words";

type Member = Schemas["MemberAnswer"];
type Invitation = Schemas["InvitationAnswer"];
const SHOWN = 100;

export default function Team() {
  const words = useWords(CATALOGUE);
  const may = useMay();
  const [inviting, setInviting] = useState(false);
  const [link, setLink] = useState("");
  return (
    <>
      <Heading title={words.team}>
        {may("members.write") ? (
          <Button weight="primary" onClick={() => setInviting(true)}>
            {words.invite}
          </Button>
        ) : null}
      </Heading>
      <div className="flex flex-col gap-4">
        <Members />
        <Invitations />
        <OwnRoles />
      </div>
      {inviting ? <Invite onClose={() => setInviting(false)} onLink={setLink} /> : null}
      {link ? (
        <ShownOnce title={words.invitationLink} secret={link} onClose={() => setLink("")} />
      ) : null}
    </>
  );
}

function Members() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const may = useMay();
  const { who } = useSession();
  const { nameOf } = useRoles();
  const [changing, setChanging] = useState<Member | null>(null);
  const [removing, setRemoving] = useState<Member | null>(null);
  const members = useQuery({
    queryKey: named("members"),
    queryFn: ({ signal }) => office("get", "/v1/members", { query: { limit: SHOWN }, signal }),
  });
  const writes = may("members.write");
  const columns = useMemo<readonly Column<Member>[]>(
    () => [
      {
        id: "name",
        label: general.name,
        show: (one) => <span className="font-strong">{one.name || one.email}</span>,
        text: (one) => one.name,
      },
      {
        id: "email",
        label: general.email,
        show: (one) => <Identifier>{one.email}</Identifier>,
        text: (one) => one.email,
      },
      {
        id: "role",
        label: words.role,
        show: (one) => nameOf(one.role, one.custom_role),
        text: (one) => one.role,
      },
      {
        id: "last_login_at",
        label: words.lastSignIn,
        show: (one) =>
          one.last_login_at ? <Moment at={one.last_login_at} by="machine" /> : words.never,
        text: (one) => one.last_login_at ?? "",
      },
      ...(writes
        ? [
            {
              id: "actions",
              label: words.actions,
              show: (one: Member) =>
                one.id === who.subject ? (
                  general.me
                ) : (
                  <span className="inline-flex flex-wrap gap-2">
                    <Button onClick={() => setChanging(one)}>{words.changeRole}</Button>
                    <Button weight="danger" onClick={() => setRemoving(one)}>
                      {words.removeMember}
                    </Button>
                  </span>
                ),
              text: () => "",
            },
          ]
        : []),
    ],
    [words, general, nameOf, writes, who.subject],
  );
  return (
    <Section title={words.members}>
      <Answered of={members}>
        {(found) => (
          <Rows name="members" title={words.members} columns={columns} rows={found.data} />
        )}
      </Answered>
      {changing ? <ChangeRole member={changing} onClose={() => setChanging(null)} /> : null}
      {removing ? <Remove member={removing} onClose={() => setRemoving(null)} /> : null}
    </Section>
  );
}

interface MemberProps {
  readonly member: Member;
  readonly onClose: () => void;
}

function ChangeRole({ member, onClose }: MemberProps) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  const { choices, asked } = useRoles();
  const [role, setRole] = useState(member.custom_role || member.role);
  return (
    <Act
      title={words.changeRoleOf(member.name || member.email)}
      act={words.changeRole}
      onClose={onClose}
      onAct={async () => {
        await office("patch", "/v1/members/{member}", {
          path: { member: member.id },
          body: asked(role),
        });
        await queries.invalidateQueries();
      }}
    >
      <Select
        label={words.role}
        value={role}
        choices={choices}
        onChange={(event) => setRole(event.currentTarget.value)}
      />
      <p className="m-0 text-13 text-soft">{words.changeRoleMeans}</p>
    </Act>
  );
}

function Remove({ member, onClose }: MemberProps) {
  const words = useWords(CATALOGUE);
  const queries = useQueryClient();
  return (
    <Act
      title={words.removeOf(member.name || member.email)}
      act={words.removeMember}
      danger
      onClose={onClose}
      onAct={async () => {
        await office("delete", "/v1/members/{member}", { path: { member: member.id } });
        await queries.invalidateQueries();
      }}
    >
      <p className="m-0">{words.removeMeans}</p>
    </Act>
  );
}

function Invitations() {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const named = useNamed();
  const may = useMay();
  const { nameOf } = useRoles();
  const queries = useQueryClient();
  const [ending, setEnding] = useState<Invitation | null>(null);
  const writes = may("members.write");
  const invitations = useQuery({
    queryKey: named("members", "invited"),
    queryFn: ({ signal }) => office("get", "/v1/invitations", { query: { limit: SHOWN }, signal }),
  });
  const columns = useMemo<readonly Column<Invitation>[]>(
    () => [
      {
        id: "email",
        label: general.email,
        show: (one) => <Identifier>{one.email}</Identifier>,
        text: (one) => one.email,
      },
      {
        id: "role",
        label: words.role,
        show: (one) => nameOf(one.role, one.custom_role),
        text: (one) => one.role,
      },
      {
        id: "state",
        label: general.state,
        show: (one) => <InvitationStatus invitation={one} />,
        text: (one) => (one.accepted_at ? "accepted" : one.cancelled_at ? "cancelled" : "open"),
      },
      {
        id: "created_at",
        label: general.created,
        show: (one) => <Moment at={one.created_at} by="machine" />,
        text: (one) => one.created_at,
      },
      ...(writes
        ? [
            {
              id: "actions",
              label: words.actions,
              show: (one: Invitation) =>
                isOpen(one) ? (
                  <Button onClick={() => setEnding(one)}>{words.takeBack}</Button>
                ) : (
                  "–"
                ),
              text: () => "",
            },
          ]
        : []),
    ],
    [words, general, nameOf, writes],
  );
  return (
    <Section title={words.invitations}>
      <Answered of={invitations} rows={1}>
        {(found) =>
          found.data.length === 0 ? (
            <p className="m-0 text-soft">{words.noInvitations}</p>
          ) : (
            <Rows
              name="invitations"
              title={words.invitations}
              columns={columns}
              rows={found.data}
            />
          )
        }
      </Answered>
      {ending ? (
        <Act
          title={words.takeBack}
          act={words.takeBack}
          danger
          onClose={() => setEnding(null)}
          onAct={async () => {
            await office("delete", "/v1/invitations/{invitation}", {
              path: { invitation: ending.id },
            });
            await queries.invalidateQueries();
          }}
        >
          <p className="m-0">{words.takeBackMeans}</p>
        </Act>
      ) : null}
    </Section>
  );
}

function isOpen(one: Invitation): boolean {
  const over = new Date(one.expires_at).getTime() <= Date.now();
  return one.accepted_at === null && one.cancelled_at === null && !over;
}

function InvitationStatus({ invitation }: { readonly invitation: Invitation }) {
  const words = useWords(CATALOGUE);
  if (invitation.accepted_at) return <Status tone="taken">{words.accepted}</Status>;
  if (invitation.cancelled_at) return <Status tone="calm">{words.takenBack}</Status>;
  return isOpen(invitation) ? (
    <Status tone="waiting">{words.waitsForThem}</Status>
  ) : (
    <Status tone="calm">{words.tooOld}</Status>
  );
}

function Invite({
  onClose,
  onLink,
}: {
  readonly onClose: () => void;
  readonly onLink: (link: string) => void;
}) {
  const words = useWords(CATALOGUE);
  const general = useWords(GENERAL);
  const queries = useQueryClient();
  const { choices, asked } = useRoles();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<string>(ROLES[1]);
  const fits = /^[^\s@]+@[^\s@]+$/.test(email);
  return (
    <Act
      title={words.invite}
      act={words.invite}
      blocked={!fits}
      onClose={onClose}
      onAct={async () => {
        const made = await office("post", "/v1/invitations", {
          body: { email, ...asked(role) },
        });
        onLink(`${location.origin}/join#${made.token}`);
        await queries.invalidateQueries();
      }}
    >
      <Field
        label={general.email}
        type="email"
        value={email}
        wrong={email.includes("@") && !fits ? words.noMail : undefined}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <Select
        label={words.role}
        value={role}
        choices={choices}
        onChange={(event) => setRole(event.currentTarget.value)}
      />
      <p className="m-0 text-13 text-soft">{words.inviteMeans}</p>
    </Act>
  );
}

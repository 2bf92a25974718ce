import type { Asked } from '../../audit/evidence/format.ts';

const what = (asked: Asked): string =>
  asked.kind === 'request'
    ? `everything that the log says of the request ${asked.request}, and of what its decisions rested on`
    : `every entry of the log from ${asked.fromAt} until before ${asked.toAt}, without a gap and with those around them, and everything about the requests that these are about`;

const withThem = `What was done is
in statements.jsonl, and is checked against these hashes: each line names by its place the entry that has its hash. The texts
are as the company chose to keep them, mostly without literals. Where somebody was erased who had left, the texts are gone
and all else is there, and an entry of the kind \`person.erased\` says so. They can hold personal data: keep this file so.`;

const withoutThem = `The statements are
not in this file, because they can hold personal data: \`curfew audit evidence --statements\` writes one that has what is
kept of them, which is checked against these hashes.`;

/** For an auditor who opens the file and has never heard of Curfew. */
export const readmeOf = (
  asked: Asked,
  origin: string,
  size: number,
  withStatements: boolean,
): string => `# Evidence of access

Curfew gives people access to databases for a while, after other people have approved it, and takes it away on time. Each
step is an entry in a log that can only grow. This file holds
${what(asked)}.
The log is called ${origin} and had ${size} entries when its newest checkpoint in this file was signed.

## How to check it

    curfew verify THIS-FILE --key PUBLIC-KEY

It needs this file, the log's public key and the program \`curfew\` (its source on Node.js 24, or its container image), and
neither a network nor Curfew's database. Get the key from whoever answers for it, not out of this file. If somebody else has
kept a checkpoint of the log (a witness), hold the file against it with \`--checkpoint NOTE\`: only that shows that the log
was not written anew as a whole. It checks that

1. the checkpoints are signed, each goes on from the one before, every entry here is in the log at its place, and the
   file is about all of what it says above;
2. every step of every request was a legal one, and was written by a program that may write it;
3. every plan and every decision is what the policy says that held then, judged again from the facts that were written
   down, and each policy came to hold by the words that it takes;
4. every Workflow's recorded history is what its recorded script does, run again by Temporal's own replayer;
5. every grant, and every later end of one, had its approvals; and a receipt says that nothing was left of it within 30
   seconds of its end, or somebody was told within a minute that it did not end. Grants that still went on are listed.

The exit code is 0 only where all of it holds. Otherwise the first entries that do not hold are named by their places.
Without the program: the leaf of an entry is SHA-256 over a zero byte and its line in entries.jsonl, without the newline,
in a tree as RFC 9162 has it.

## What is in it

| file | what it is |
| --- | --- |
| evidence.json | what was asked for, and how much is where |
| entries.jsonl | the entries, one a line, byte for byte as they were hashed |
| places.jsonl | for entries that were picked one by one: place in the log, and proof that they are in it |
| leaves.bin | for entries without a gap: the hashes that the log has of them, 32 bytes each |
| checkpoints.jsonl | signed notes (C2SP tlog-checkpoint, Ed25519), each with the proof that it goes on from the one before |
| epochs.jsonl | signed notes about a log that was restored from a backup, and what it lost; mostly empty |
| policies/ | the policies by which it was judged, by the SHA-256 of their text |
| receipts.jsonl | what was read back from the databases when access was given, when its end was moved, and when it ended |
${withStatements ? '| statements.jsonl | what was done with access, as much of it as is kept |\n' : ''}| histories.jsonl | what Temporal recorded of each Workflow, without who called it |
| bundles/ | the scripts that the Workflows ran, by their SHA-256 |

People stand in it by ids and not by name: names are kept in one table of Curfew's, where they can be erased. Reasons are
salted hashes for the same reason. Ask for a report if you need names: \`curfew report grants\`.

Entries whose kind begins with \`session.\` tell what the database's own log said of those who used their access: when a
session began and ended, and SHA-256 over what was done in it, from line to line of that log. ${withStatements ? withThem : withoutThem}
No such entry means that nobody used the access, or that nobody read that log; \`curfew report grants\` tells the two apart.

## What it does not show

That what was written down was true when it was written: what the directory said of a person, that a person and not
somebody with their account pressed the button, what a database answered. That nobody reached a database past Curfew.
`;

/** What the playground's server and its page tell each other. Types only: nothing of this runs. */

export type Json = Readonly<Record<string, unknown>>;

/** `id`: the Slack account's. */
export type Person = { readonly id: string; readonly handle: string; readonly name: string; readonly says: string };
/** What does not change while the stack runs. */
export type Company = {
  readonly team: string;
  readonly command: string;
  readonly people: readonly Person[];
  readonly channels: readonly string[];
  /** Slack ids, as messages mention them, to names. */
  readonly names: Readonly<Record<string, string>>;
  /** Who asks and who approves in the story that the guide tells, and what is typed first. */
  readonly lead: { readonly asks: string; readonly approves: string; readonly line: string };
};

export type Shown = {
  readonly ts: string;
  readonly channel: string;
  readonly text: string;
  readonly blocks: readonly Json[];
  /** Seen by this person only. */
  readonly ephemeral: boolean;
  readonly edited: boolean;
  readonly replies: readonly Shown[];
};

/** `key`: a channel's name, or `curfew` for the app's direct messages. */
export type Place = { readonly key: string; readonly messages: readonly Shown[] };

export type OpenModal = { readonly view: Json; readonly state: Json; readonly depth: number };

/** The steps of the story; each true once it has happened to anybody. */
export type Story = {
  readonly asked: boolean;
  readonly approved: boolean;
  readonly linked: boolean;
  readonly claimed: boolean;
  readonly ended: boolean;
};

/** Everything that one person's Slack shows now. */
export type Sight = {
  readonly who: string;
  readonly places: readonly Place[];
  readonly home: Json | null;
  readonly modal: OpenModal | null;
  readonly story: Story;
};

export type Deed =
  | { readonly kind: 'slash'; readonly place: string; readonly text: string }
  | { readonly kind: 'shortcut' }
  | { readonly kind: 'home' }
  | {
      readonly kind: 'press';
      readonly where: 'message' | 'modal' | 'home';
      /** Of a message. */
      readonly place?: string;
      readonly ts?: string;
      readonly action: string;
      /** Of the button, where several have that action. */
      readonly value?: string;
      /** What was chosen in a select or a menu. */
      readonly chosen?: unknown;
    }
  | { readonly kind: 'fill'; readonly values: Json }
  | { readonly kind: 'suggest'; readonly action: string; readonly typed: string }
  | { readonly kind: 'submit'; readonly values: Json }
  | { readonly kind: 'close' };

export type Done = {
  /** Under their fields, by block id. */
  readonly errors?: Readonly<Record<string, string>>;
  readonly options?: readonly Json[];
  /** What Slack's client would tell of an app that did not answer. */
  readonly trouble?: string;
};

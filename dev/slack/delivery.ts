/** Sends payloads to the app as Slack does: honest ones, and forged ones where a test says so. */
import type { Json } from './block-kit.ts';
import { post, signedHeaders, type RawRequest, type Reply, type SignatureForgery } from './signing.ts';

/** How a delivery differs from an honest one. */
export type DeliveryOptions = SignatureForgery & {
  /** The same bytes this many times, one after the other or all at once. */
  readonly times?: number;
  readonly together?: boolean;
  /** Ids that the payload claims instead of the true ones. */
  readonly team?: string;
  readonly app?: string;
  readonly channel?: string;
  /** Changes the payload before it is signed. */
  readonly edit?: (payload: Record<string, unknown>) => Record<string, unknown>;
};

export type Delivered = {
  readonly reply: Reply;
  /** One for each time. */
  readonly replies: readonly Reply[];
  readonly request: RawRequest;
  readonly triggerId: string;
};

/** Each kind of delivery may have an address of its own in the app's configuration; Bolt's default is one for all. */
export type Endpoints = {
  readonly commands: string;
  readonly interactions: string;
  readonly options: string;
  readonly events: string;
};

export type Deliveries = {
  readonly slash: (fields: Record<string, string>, triggerId: string, options: DeliveryOptions) => Promise<Delivered>;
  readonly interaction: (payload: Json, triggerId: string, options: DeliveryOptions) => Promise<Delivered>;
  readonly suggestion: (payload: Json, triggerId: string, options: DeliveryOptions) => Promise<Delivered>;
  readonly event: (payload: Json, triggerId: string, options: DeliveryOptions) => Promise<Delivered>;
  /** Any bytes at all, signed as told, where interactions go. */
  readonly raw: (body: string, contentType: string, forgery: SignatureForgery) => Promise<Reply>;
};

const form = 'application/x-www-form-urlencoded';
const json = 'application/json; charset=utf-8';

export const deliveriesTo = (given: string | Endpoints, signingSecret: string): Deliveries => {
  const endpoints =
    typeof given === 'string' ? { commands: given, interactions: given, options: given, events: given } : given;
  const requestOf = (url: string, contentType: string, body: string, forgery: SignatureForgery): RawRequest => {
    const headers = {
      'content-type': contentType,
      'user-agent': 'Slackbot 1.0',
      ...signedHeaders(signingSecret, body, Date.now(), forgery),
    };
    return { url, headers, body };
  };
  const deliver = async (
    url: string,
    contentType: string,
    body: string,
    triggerId: string,
    options: DeliveryOptions,
  ): Promise<Delivered> => {
    const request = requestOf(url, contentType, body, options);
    const times = Array.from({ length: options.times ?? 1 });
    const replies: Reply[] = [];
    if (options.together === true) replies.push(...(await Promise.all(times.map(() => post(request)))));
    else for (const _ of times) replies.push(await post(request));
    const [reply] = replies;
    if (reply === undefined) throw new Error('a delivery needs to be sent at least once');
    return { reply, replies, request, triggerId };
  };
  const inForm =
    (url: string) =>
    (payload: Json, triggerId: string, options: DeliveryOptions): Promise<Delivered> => {
      const body = new URLSearchParams({ payload: JSON.stringify(edited(payload, options)) }).toString();
      return deliver(url, form, body, triggerId, options);
    };
  return {
    slash: (fields, triggerId, options) =>
      deliver(
        endpoints.commands,
        form,
        new URLSearchParams(edited(fields, options) as Record<string, string>).toString(),
        triggerId,
        options,
      ),
    interaction: inForm(endpoints.interactions),
    suggestion: inForm(endpoints.options),
    event: (payload, triggerId, options) =>
      deliver(endpoints.events, json, JSON.stringify(edited(payload, options)), triggerId, options),
    raw: (body, contentType, forgery) => post(requestOf(endpoints.interactions, contentType, body, forgery)),
  };
};

const edited = (payload: Json, { edit }: DeliveryOptions): Json =>
  edit === undefined ? payload : edit({ ...payload });

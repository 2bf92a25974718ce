import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command, shortcut } from '../slack/ids.ts';
import { manifest } from './support/slack-desk.ts';

/** Which scope a method needs; null for none. https://docs.slack.dev/reference/methods */
const scopeOf: Readonly<Record<string, string | null>> = {
  'chat.postMessage': 'chat:write',
  'chat.postEphemeral': 'chat:write',
  'chat.update': 'chat:write',
  'conversations.open': 'im:write',
  'users.info': 'users:read',
  'views.publish': null,
  'views.open': null,
  'views.update': null,
};

const folder = join(import.meta.dirname, '..', 'slack');
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(folder, name), 'utf8'));
const used = new Set(
  sources.flatMap((source) =>
    [...source.matchAll(/client\s*\.\s*([a-z]+)\s*\.\s*([a-zA-Z]+)\(/g)].map(
      ([, family, method]) => `${family}.${method}`,
    ),
  ),
);

test('every method that is called is one whose scope is known', () => {
  expect([...used].toSorted()).toEqual(Object.keys(scopeOf).toSorted());
});

test('the manifest asks for the scopes that are used, and for no others', () => {
  const needed = new Set([...used].map((method) => scopeOf[method]).filter((scope) => typeof scope === 'string'));
  // The command and the shortcut need one of their own.
  needed.add('commands');
  expect(manifest.oauth_config.scopes.bot.toSorted()).toEqual([...needed].toSorted());
});

test('the manifest names the command and the shortcut that are listened to', () => {
  expect(manifest.features.slash_commands.map((one) => one.command)).toEqual([command]);
  expect(manifest.features.shortcuts.map((one) => one.callback_id)).toEqual([shortcut]);
});

test('the manifest subscribes to the events that are listened to, and has a Home for them', () => {
  const listened = sources.flatMap((source) =>
    [...source.matchAll(/app\.event\('([a-z_]+)'/g)].map(([, name]) => String(name)),
  );
  expect(manifest.settings.event_subscriptions.bot_events.toSorted()).toEqual(listened.toSorted());
  expect(manifest.features.app_home.home_tab_enabled).toBe(true);
});

test('people who are mentioned behind the command come as their ids: a delegate is no name', () => {
  expect(manifest.features.slash_commands.map((one) => one.should_escape)).toEqual([true]);
});

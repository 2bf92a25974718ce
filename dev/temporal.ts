/** A real Temporal server for the embedded stack and the tests. */
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { claimPort, freePort } from './ports.ts';
import { startProcess, untilReady, type RunningProcess } from './processes.ts';
import { findTemporal, type TemporalSource } from './temporal-binary.ts';
import {
  completeNamespace,
  missingAttributes,
  type NamespaceNeeds,
  type SearchAttributeType,
} from './temporal-namespace.ts';
import type { Trouble } from './trouble.ts';

export { findTemporal, type SearchAttributeType, type TemporalSource };

export type TemporalOptions = NamespaceNeeds & {
  readonly source: TemporalSource;
  readonly logFile: string;
  /** A free one where absent. */
  readonly port?: number;
  /** State is kept in this file; in memory only where absent. */
  readonly dbFile?: string;
  /** Dynamic configuration: a key and its JSON value. */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  readonly onUnexpectedExit?: (trouble: Trouble) => void;
};

export type TemporalServer = {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  /** Of the server process; null while it is stopped, and always for somebody else's server. */
  readonly pid: () => number | null;
  readonly start: () => Promise<void>;
  /** Somebody else's server is left alone by this and by all that follow. */
  readonly stop: () => Promise<void>;
  /** SIGKILL; what was in memory only is lost, what was in a file is there after `start`. */
  readonly kill: () => Promise<void>;
  readonly restart: () => Promise<void>;
};

// start-dev takes its time with open long polls; nothing is lost by ending it, so it gets five seconds.
const stopSteps = [{ signal: 'SIGTERM', withinMs: 5_000 }] as const;
const readyWithinMs = 60_000;

/** @throws Trouble when the server does not come up, cannot be reached, is too old, or its port is taken */
export const startTemporal = async (options: TemporalOptions): Promise<TemporalServer> =>
  options.source.kind === 'address'
    ? someoneElsesServer(options, options.source.address)
    : ownServer(options, options.source.path);

const ownServer = async (options: TemporalOptions, program: string): Promise<TemporalServer> => {
  const port = options.port ?? (await freePort());
  const address = `127.0.0.1:${port}`;
  let running: RunningProcess | null = null;

  const start = async (): Promise<void> => {
    if (running?.alive() === true) return;
    await claimPort(port, 'the Temporal server');
    if (options.dbFile !== undefined) mkdirSync(dirname(options.dbFile), { recursive: true });
    const started = await startProcess({
      name: 'Temporal server',
      command: program,
      args: startArguments(options, port),
      // TEMPORAL_... variables set defaults of the CLI's flags.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_'))),
      logFile: options.logFile,
      stop: stopSteps,
      ...(options.onUnexpectedExit === undefined ? {} : { onUnexpectedExit: options.onUnexpectedExit }),
    });
    running = started;
    try {
      await untilReady(started, readyWithinMs, () => portAnswers(port).then(() => isReady(options, address)));
    } catch (error) {
      await started.stop();
      throw error;
    }
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = null;
  };

  await start();
  return {
    name: 'Temporal server',
    address,
    namespace: options.namespace,
    pid: () => (running?.alive() === true ? running.pid : null),
    start,
    stop,
    kill: async () => {
      await running?.kill('SIGKILL');
      running = null;
    },
    restart: async () => {
      await stop();
      await start();
    },
  };
};

const startArguments = (options: TemporalOptions, port: number): string[] => [
  'server',
  'start-dev',
  '--headless',
  '--log-level=warn',
  '--ip=127.0.0.1',
  `--port=${port}`,
  `--namespace=${options.namespace}`,
  ...Object.entries(options.searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ...Object.entries(options.dynamicConfig ?? {}).flatMap(([key, value]) => [
    '--dynamic-config-value',
    `${key}=${value}`,
  ]),
  // WAL: 500 timers that fire at once take a quarter of the time, and open Workflows survive a kill -9.
  ...(options.dbFile === undefined
    ? []
    : [
        '--db-filename',
        options.dbFile,
        '--sqlite-pragma',
        'journal_mode=WAL',
        '--sqlite-pragma',
        'synchronous=NORMAL',
      ]),
];

/** Fails at once where nobody listens; a gRPC channel would sit out its own back-off first. */
const portAnswers = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });

const isReady = async (options: TemporalOptions, address: string): Promise<void> => {
  const connection = await Connection.connect({ address, connectTimeout: 5_000 });
  try {
    const missing = await missingAttributes(connection, options);
    if (Object.keys(missing).length > 0)
      throw new Error(`search attributes are not registered yet: ${Object.keys(missing).join(', ')}`);
  } finally {
    await connection.close();
  }
};

const nothing = (): Promise<void> => Promise.resolve();

const someoneElsesServer = async (options: TemporalOptions, address: string): Promise<TemporalServer> => {
  await completeNamespace(options, address);
  const name = `Temporal server at ${address}`;
  return {
    name,
    address,
    namespace: options.namespace,
    pid: () => null,
    start: nothing,
    stop: nothing,
    kill: nothing,
    restart: nothing,
  };
};

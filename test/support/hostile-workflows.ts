/**
 * Workflows of somebody who wants out: run as `accessRequest`, they leave their context by an object of the outer realm
 * and try what they could do there. What came of each try stands in the failure that they end with.
 */
type Told = {
  readonly mode: 'all' | 'loop' | 'memory' | 'long';
  readonly port: number;
  readonly file: string;
};

export async function accessRequest(input: Told): Promise<never> {
  if (input.mode === 'loop') for (;;);
  if (input.mode === 'memory') fill();
  if (input.mode === 'long') throw new Error('x'.repeat(long));
  throw new Error(`tried: ${tries(input).join(';')}.`);
}

function fill(): never {
  const kept: string[][] = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => `${kept.length}-${index}`));
}

/** Characters of a reason: more than anybody wants to read. */
const long = 1_000_000;

type MakeFunction = (source: string) => () => unknown;

/** Runs it in the realm that made the context, by the function constructor of something that it put into it. */
function outer(source: string): string {
  const { TextEncoder } = globalThis as unknown as { readonly TextEncoder: { readonly constructor: MakeFunction } };
  return TextEncoder.constructor(`return String(${source}).slice(0, 40)`)() as string;
}

const module = (name: string): string => `process.getBuiltinModule('node:${name}')`;

function tries({ port, file }: Told): readonly string[] {
  const attempts: Readonly<Record<string, string>> = {
    'leave the context': 'process',
    'ask for fs': module('fs'),
    'read a file': `${module('fs')}.readFileSync('/etc/hostname')`,
    'write a file': `${module('fs')}.writeFileSync(${JSON.stringify(file)}, 'x')`,
    'connect by net': `${module('net')}.connect(${port}, '127.0.0.1')`,
    'connect by a stream': `new process.stdout.constructor().connect(${port}, '127.0.0.1')`,
    'get at a handle': 'process._getActiveHandles()[0].constructor',
    'ask by fetch': `fetch('http://127.0.0.1:${port}')`,
    'start a process': `${module('child_process')}.execSync('id')`,
    'use a binding': `process.binding('tcp_wrap')`,
    'load a library': `process.dlopen({ exports: {} }, '/none.node')`,
    'signal somebody': 'process.kill(process.ppid, 0)',
    'signal somebody directly': 'process._kill(process.ppid, 0)',
    'become another program': `process.execve('/bin/true', [], {})`,
    'require a module': `process.mainModule.require('net')`,
  };
  return Object.entries(attempts).map(([name, source]) => {
    try {
      return `${name}=did it: ${outer(source)}`;
    } catch (error) {
      const why = (error as { readonly code?: string }).code ?? (error as Error).name;
      return `${name}=refused: ${why}`;
    }
  });
}

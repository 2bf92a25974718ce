// Progress on the terminal: a line for each step, with its time. Plain JavaScript without dependencies, because
// launch.mjs shows it while packages are still being installed. The types are in progress.d.mts.

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`.padStart(8);

export const startProgress = (out = process.stderr, now = () => performance.now()) => {
  const running = new Map();
  const live = out.isTTY;
  let ticker;

  const erase = () => live && out.write('\r\u001B[2K');
  // The live line is the last one, and is written over; whole lines go above it.
  const paint = () => {
    if (!live || running.size === 0) return;
    const steps = [...running].map(
      ([name, { at, detail }]) => `${name}${detail === '' ? '' : `: ${detail}`}${seconds(now() - at)}`,
    );
    erase();
    out.write(`  ... ${steps.join(', ')}`.slice(0, (out.columns ?? 80) - 1));
  };
  const line = (text) => {
    erase();
    out.write(`${text}\n`);
    paint();
  };

  return {
    say: line,
    step: async (name, run) => {
      const step = { at: now(), detail: '' };
      running.set(name, step);
      ticker ??= live ? setInterval(paint, 100).unref() : undefined;
      const say = (detail) => {
        step.detail = detail;
        if (live) paint();
        else line(`  ... ${name}: ${detail}`);
      };
      const finish = (mark) => {
        running.delete(name);
        line(`  ${mark} ${name.padEnd(44)}${seconds(now() - step.at)}`);
        if (running.size > 0) return;
        clearInterval(ticker);
        ticker = undefined;
      };
      try {
        const result = await run(say);
        finish('ok ');
        return result;
      } catch (error) {
        finish('NOT');
        throw error;
      }
    },
  };
};

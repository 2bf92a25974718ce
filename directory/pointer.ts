/** JSON pointers (RFC 6901): where in a vendor's message something stands. */

export const isPointer = (text: string): boolean => text === '' || /^(?:\/(?:[^~/]|~[01])*)+$/.test(text);

/** What stands there; undefined where nothing does. Only what the message itself holds: no prototype is reached. */
export function at(value: unknown, pointer: string): unknown {
  if (pointer === '') return value;
  const steps = pointer.slice(1).split('/');
  return steps.reduce<unknown>((inner, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
      ? (inner as Readonly<Record<string, unknown>>)[name]
      : undefined;
  }, value);
}

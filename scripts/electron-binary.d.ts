/** The path of Electron's program file, or undefined where it is not installed. Only looks, never downloads. */
export function electronBinary(): string | undefined;

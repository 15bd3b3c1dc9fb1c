/** Whether Heirloom in this folder was never built, or has changed since. */
export function needsBuild(root: string): boolean;

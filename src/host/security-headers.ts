/**
 * Headers of everything a window is given: it may load its own files, show Heirloom's pixels, and talk to nobody else.
 *
 * @param own further origins that are Heirloom's own, such as `studio:` or the web host's socket.
 */
export function securityHeaders(...own: readonly string[]): Readonly<Record<string, string>> {
  const self = ["'self'", ...own].join(' ');
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src ${self} blob: data:`,
    `connect-src ${self}`,
    "font-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return {
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()',
  };
}

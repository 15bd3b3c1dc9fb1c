import { createServer, type Server, type ServerResponse } from 'node:http';
import { toFailure } from '../shared/failure.ts';
import type { PixelAnswer } from './image-shelf.ts';

/**
 * Serves pixels over HTTP on a Unix domain socket (a named pipe on Windows), so that they never travel in messages.
 *
 * @param socketPath where to listen; only the user's own processes may reach its folder.
 * @param pixels answers a path as `pixelPaths` writes them; undefined = there is no such picture.
 */
export function servePixels(
  socketPath: string,
  pixels: (path: string) => Promise<PixelAnswer | undefined>,
  onError: (error: unknown) => void = () => {},
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET') return sendText(response, 405, 'Only GET is answered here.');
    pixels((request.url ?? '/').slice(1))
      .then((answer) => {
        if (answer === undefined) return sendText(response, 404, 'There is no such picture.');
        response.writeHead(200, {
          'content-type': answer.mime,
          'content-length': answer.bytes.byteLength,
          'cache-control': answer.immutable ? 'private, max-age=31536000, immutable' : 'no-store',
        });
        response.end(answer.bytes);
      })
      .catch((error: unknown) => {
        onError(error);
        sendText(response, 500, toFailure(error).message);
      });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, () => resolve(server));
  });
}

function sendText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}

// Runs inside the studio's page (see studio.ts): speaks to the host as the window does, and watches the page's own thread.
/* global window, WebSocket, location, fetch, createImageBitmap, MessageChannel */

window.heirloomBench = {
  /** Times from asking for a preview to its pixels, decoded, once per α. */
  async slide(photo, params, alphas) {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    const answers = new Map();
    const previews = new Map();
    socket.addEventListener('message', (event) => {
      const message = JSON.parse(event.data);
      if (message.kind === 'answer') answers.get(message.id)?.(message);
      if (message.kind === 'event' && message.name === 'preview.changed') previews.get(message.value.request)?.(message.value);
    });
    const call = (name, input) =>
      new Promise((resolve, reject) => {
        const id = answers.size + 1;
        answers.set(id, ({ output, failure }) => (failure === undefined ? resolve(output) : reject(new Error(failure.message))));
        socket.send(JSON.stringify({ kind: 'call', id, name, input }));
      });
    const preview = (request) =>
      new Promise((resolve, reject) => {
        previews.set(request, (value) => {
          if (value.state === 'final') resolve(value);
          if (value.state === 'failed') reject(new Error(value.failure.message));
        });
      });
    const uploaded = await (await fetch('/upload?name=photo.jpg', { method: 'POST', body: new Uint8Array(photo) })).json();
    const { id } = await call('photo.open', { source: uploaded.source });
    const times = [];
    for (const alpha of alphas) {
      const step = { id: 'e', step: 'enlarge', version: 1, enabled: true, strength: 1, params: { factor: 4, alpha, ...params } };
      const recipe = { format: 'heirloom-recipe', version: 1, steps: [step] };
      const request = `bench-${alpha}`;
      const started = performance.now();
      const shown = preview(request);
      await call('preview.request', { request, photo: id, recipe, rect: { x: 300, y: 300, width: 128, height: 128 } });
      const { image } = await shown;
      const pixels = await fetch(`/pixels/${image.id}/tile/0/0/0`);
      if (!pixels.ok) throw new Error(`${pixels.status} ${await pixels.text()}`);
      await createImageBitmap(await pixels.blob());
      times.push(performance.now() - started);
    }
    await call('photo.close', { photo: id });
    socket.close();
    return times;
  },

  /**
   * Starts watching. `longTasks` are the page's own tasks of 50 ms and more (Long Tasks API); `longestGap` is the longest time between two turns of the event
   * loop, which also counts waiting for a core that something else uses.
   */
  watch() {
    const channel = new MessageChannel();
    let last = performance.now();
    this.longestGap = 0;
    this.longTasks = [];
    new window.PerformanceObserver((list) => this.longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ entryTypes: ['longtask'] });
    channel.port1.onmessage = () => {
      const now = performance.now();
      this.longestGap = Math.max(this.longestGap, now - last);
      last = now;
      window.setTimeout(() => channel.port2.postMessage(0), 1);
    };
    channel.port2.postMessage(0);
  },

  /**
   * Starts timing strokes: from each pointer event to the end of the frame that shows it, in ms (`latencies`), and from frame to frame while the pointer is down
   * (`frames`).
   */
  timeStrokes() {
    const channel = new MessageChannel();
    const waiting = [];
    let isDown = false;
    let lastFrame = 0;
    this.latencies = [];
    this.frames = [];
    channel.port1.onmessage = () => this.latencies.push(performance.now() - waiting.shift());
    const frame = (now) => {
      if (!isDown) return;
      if (lastFrame > 0) this.frames.push(now - lastFrame);
      lastFrame = now;
      window.requestAnimationFrame(frame);
    };
    window.addEventListener('pointerdown', () => {
      isDown = true;
      lastFrame = 0;
      window.requestAnimationFrame(frame);
    }, true);
    window.addEventListener('pointerup', () => (isDown = false), true);
    window.addEventListener('pointermove', (event) => {
      if (!isDown) return;
      // Asked for after the window's own frame callback, so that the message comes when both are done.
      window.queueMicrotask(() =>
        window.requestAnimationFrame(() => {
          waiting.push(event.timeStamp);
          channel.port2.postMessage(0);
        }),
      );
    });
  },
};

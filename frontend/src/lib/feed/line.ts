/** One WebSocket from dial to end, and whether it is still alive. Says everything once, and nothing after its end. */

const SUBPROTOCOL = "hub.v1";
const WELCOME_WITHIN_MS = 10_000;
const ARM_EVERY_MS = 1_000;

export interface LineListener {
  onText: (text: string) => void;
  /** Close code and reason; 1006 also where the other side has gone silent. */
  onEnd: (code: number, reason: string) => void;
}

export class Line {
  #socket: WebSocket;
  #listener: LineListener;
  #isOver = false;
  #heardAt = Date.now();
  #silenceMs = WELCOME_WITHIN_MS;
  #answerMs = WELCOME_WITHIN_MS;
  #armedAt = 0;
  #pulse: ReturnType<typeof setTimeout> | undefined;

  /** Throws what the WebSocket throws for an address that is none. */
  constructor(url: string, Socket: typeof WebSocket, listener: LineListener) {
    this.#listener = listener;
    this.#socket = new Socket(url, SUBPROTOCOL);
    this.#socket.onmessage = ({ data }) => this.#hear(String(data));
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
    this.#arm(this.#silenceMs);
  }

  /** From now on the other side speaks at least every `pingMs` and answers within `answerMs`. */
  expect(pingMs: number, answerMs: number): void {
    this.#silenceMs = pingMs * 1.1 + answerMs;
    this.#answerMs = answerMs;
  }

  send(message: object): void {
    if (!this.#isOver && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Demand a sign of life now: timers may have slept. `question` is something that is answered. */
  probe(question: object): void {
    const asked = Date.now();
    this.send(question);
    setTimeout(() => {
      if (this.#heardAt < asked) this.#end(1006, "no answer after a pause");
    }, this.#answerMs);
  }

  /** End it ourselves; the listener is not told. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#pulse);
    this.#socket.close(1000);
  }

  #hear(text: string): void {
    if (this.#isOver) return;
    this.#heardAt = Date.now();
    if (this.#heardAt - this.#armedAt > ARM_EVERY_MS) this.#arm(this.#silenceMs);
    this.#listener.onText(text);
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#listener.onEnd(code, reason);
  }

  /**
   * Made anew by messages: browsers slow down timers of hidden tabs that were set by timers, not those that were
   * set by what came from the network. Not by every message: it looks itself when the last one was.
   */
  #arm(ms: number): void {
    this.#armedAt = Date.now();
    clearTimeout(this.#pulse);
    this.#pulse = setTimeout(() => {
      const left = this.#heardAt + this.#silenceMs - Date.now();
      if (left > 0) this.#arm(left);
      else this.#end(1006, "the hub has gone silent");
    }, ms);
  }
}

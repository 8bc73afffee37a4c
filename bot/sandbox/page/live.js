// The two ways to the server: requests, and a WebSocket that says "changed" after which the state is read again.

const RETRY_MS = 700;

/** Posts to /sandbox/WHAT and gives its answer; a refusal or a lost connection comes back as {ok: false, error}. */
export async function post(what, body) {
  try {
    const answer = await fetch(`/sandbox/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json().catch(() => ({}));
    return { ok: answer.ok, ...told };
  } catch {
    return { ok: false, error: "The sandbox does not answer: is it still running?" };
  }
}

/**
 * Follows the workspace as one person sees it: onState(state) after each change, onLink(true | false) as the connection comes and goes,
 * onStranger() when nobody has that id (any more).
 * looksAt() is the channel on the screen, which counts as read. Gives {read, leave}: read again now, and end it.
 */
export function follow(as, { onState, onLink, onStranger, looksAt }) {
  let ended = false;
  let reading = false;
  let again = false;
  let socket = null;
  let timer = null;

  async function read() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      do {
        again = false;
        const answer = await fetch(`/sandbox/state?${query({ as, channel: looksAt() })}`);
        if (answer.status === 400 && as) return void onStranger();
        if (!answer.ok) throw new Error(`state answered ${answer.status}`);
        const state = await answer.json();
        if (!ended) onState(state);
      } while (again && !ended);
    } catch (error) {
      if (!ended) {
        console.warn("The state could not be read:", error);
        onLink(false);
        socket?.close();
      }
    } finally {
      reading = false;
    }
  }

  function connect() {
    const address = new URL(`/sandbox/live?${query({ as })}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    socket = new WebSocket(address);
    socket.addEventListener("open", () => {
      if (ended) return;
      onLink(true);
      read();
    });
    socket.addEventListener("message", () => read());
    socket.addEventListener("close", () => {
      if (ended) return;
      onLink(false);
      timer = setTimeout(connect, RETRY_MS);
    });
  }

  connect();
  function leave() {
    ended = true;
    clearTimeout(timer);
    socket?.close();
  }
  return { read, leave };
}

function query(parts) {
  return new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
}

// This browser's camera, sent to the server over an ordinary WebRTC video track at high bitrate.

const MAX_BITRATE = 12e6;

const BROWSER = {
  getMedia: (wanted) => navigator.mediaDevices.getUserMedia(wanted),
  connect: () => new RTCPeerConnection({ iceServers: [] }),
  name: () => Math.random().toString(36).slice(2),
};

export class BrowserCamera {
  #call;
  #onend;
  #world;
  #turn = 0; // of starts and stops: what belongs to an earlier one is let go as soon as it comes
  #connection = null;
  #stream = null;

  // What the server calls the running camera; null while it has none of this page's.
  id = null;

  // call(offer sdp, id) gives a promise of the server's answer; onend("unplugged" or "lost") when it ends by itself;
  // world: what a test replaces.
  constructor(call, onend, world = {}) {
    this.#call = call;
    this.#onend = onend;
    this.#world = { ...BROWSER, ...world };
  }

  get available() {
    return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.RTCPeerConnection);
  }

  // Rejects when the person, the browser or the server refuses; with an AbortError when it was stopped meanwhile.
  async start(size = [640, 480], fps = 30) {
    this.stop();
    const turn = this.#turn;
    const [width, height] = size;
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps } };
    const stream = await this.#world.getMedia({ video });
    if (turn !== this.#turn) {
      release(stream);
      throw stopped();
    }
    this.#stream = stream;
    try {
      await this.#connect(stream.getVideoTracks()[0], turn);
    } catch (error) {
      if (turn !== this.#turn) throw stopped();
      this.stop();
      throw error;
    }
  }

  stop() {
    this.#turn += 1;
    if (this.#stream) release(this.#stream);
    this.#connection?.close();
    this.#stream = this.#connection = this.id = null;
  }

  async #connect(track, turn) {
    const connection = this.#world.connect();
    this.#connection = connection;
    const end = (why) => {
      if (turn !== this.#turn) return;
      this.stop();
      this.#onend(why);
    };
    track.addEventListener("ended", () => end("unplugged"));
    connection.addEventListener("connectionstatechange", () => {
      if (["failed", "closed"].includes(connection.connectionState)) end("lost");
    });
    track.contentHint = "detail";
    connection.addTransceiver(track, { direction: "sendonly", streams: [this.#stream] });
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    if (turn !== this.#turn) throw stopped();
    const id = this.#world.name();
    const answer = await this.#call(connection.localDescription.sdp, id);
    if (turn !== this.#turn) throw stopped();
    this.id = id; // before anything else is awaited: from here on the server's state says whether it is wanted
    await connection.setRemoteDescription({ type: "answer", sdp: quick(answer) });
    const [sender] = connection.getSenders();
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = MAX_BITRATE;
    parameters.degradationPreference = "maintain-resolution";
    await sender.setParameters(parameters);
  }
}

function release(stream) {
  for (const track of stream.getTracks()) track.stop();
}

const stopped = () => new DOMException("stopped", "AbortError");

// The server takes no addresses later: wait until all are in the description.
function gathered(connection) {
  return new Promise((done) => {
    const check = () => connection.iceGatheringState === "complete" && done();
    connection.addEventListener("icegatheringstatechange", check);
    setTimeout(done, 2000);
    check();
  });
}

// Begin at a high bitrate instead of climbing to it for half a minute.
export function quick(sdp) {
  return sdp.replace(/^a=fmtp:(\d+) (.*)$/gm, "a=fmtp:$1 $2;x-google-start-bitrate=6000");
}

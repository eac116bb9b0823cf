// This browser's camera, sent to the server over an ordinary WebRTC video track at high bitrate.

const MAX_BITRATE = 12e6;

export class BrowserCamera {
  #call;
  #connection = null;
  #stream = null;

  // call(offer sdp) gives a promise of the server's answer.
  constructor(call) {
    this.#call = call;
  }

  get available() {
    return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.RTCPeerConnection);
  }

  // Rejects when the person, the browser or the server refuses.
  async start(size = [640, 480], fps = 30) {
    this.stop();
    const [width, height] = size;
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps } };
    this.#stream = await navigator.mediaDevices.getUserMedia({ video });
    try {
      await this.#connect(this.#stream.getVideoTracks()[0]);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#connection?.close();
    this.#stream = this.#connection = null;
  }

  async #connect(track) {
    const connection = new RTCPeerConnection({ iceServers: [] });
    this.#connection = connection;
    track.contentHint = "detail";
    connection.addTransceiver(track, { direction: "sendonly", streams: [this.#stream] });
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const answer = await this.#call(connection.localDescription.sdp);
    await connection.setRemoteDescription({ type: "answer", sdp: quick(answer) });
    const [sender] = connection.getSenders();
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.maxBitrate = MAX_BITRATE;
    parameters.degradationPreference = "maintain-resolution";
    await sender.setParameters(parameters);
  }
}

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

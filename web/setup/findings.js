// What works and what does not, in words.

import { CHECKS } from "../words/text.js";

const LOCAL = new Set(["127.0.0.1", "localhost", "[::1]"]);

// [[tone, words], ...] of state and stats as the server sent them; page: {hostname, secure, still}, where still says
// that the source lately gave its last picture again.
export function findings(state, stats, { hostname, secure, still = false }) {
  const { sent = {}, received = {} } = stats ?? {};
  const found = [source(state, still)];
  if (state.info) found.push(device(state, sent, received));
  const live = state.state === "loopback" || state.state === "connected";
  found.push(live ? ["good", CHECKS.channel(sent.rtt_ms)] : ["wait", CHECKS.noChannel]);
  found.push(reach(state, hostname));
  if (!secure) found.push(["wait", CHECKS.insecure]);
  if (state.trouble) found.push(["bad", state.trouble]);
  return found;
}

// Under which address others come in, see inviteLink.
function reach({ base = null, reach: how = "local" }, hostname) {
  if (how !== "origin" && !LOCAL.has(hostname)) return ["good", CHECKS.reachable(hostname)];
  return base ? ["good", CHECKS.reachable(base)] : ["wait", CHECKS.unreachable[how] ?? CHECKS.unreachable.local];
}

function source({ source: name, source_note: note, source_spec: spec, camera, browser_camera: taken }, still) {
  if (camera === false) return ["wait", CHECKS.off];
  if (spec === "browser") return taken?.live ? ["good", CHECKS.browser] : ["bad", CHECKS.stopped];
  if (still && name) return ["bad", CHECKS.still(name)];
  if (note) return ["wait", CHECKS.source(note)];
  return name ? ["good", CHECKS.works(name)] : ["bad", CHECKS.nothing];
}

// Whether the codec keeps up: the slower of its two halves against the time a frame has.
function device({ info, fps }, { encode_ms: encode }, { decode_ms: decode }) {
  const slowest = Math.max(encode ?? 0, decode ?? 0);
  const late = slowest > 1000 / fps;
  return [late ? "bad" : "good", CHECKS.device(info, slowest, fps, late)];
}

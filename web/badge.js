// The quality badge: what a person would say of the call, from figures.

const PICTURE = [
  [38, "excellent"],
  [34, "good"],
  [30, "fair"],
  [-Infinity, "poor"],
];
const SMOOTH = 0.75; // of the wanted frames a second; below, motion looks choppy
const LATE = 250; // ms from captured to decoded; above, people talk into each other
const LOSSY = 0.02;
const SETTLED = 3; // seconds of frames before their rate is judged

// {picture, fault, tone}: picture a key of BADGE.picture or null, fault a key of BADGE.faults or null.
export function judge(sent, received, fps) {
  const { psnr_db: psnr } = sent;
  if (typeof psnr !== "number") return { picture: null, fault: null, tone: "wait" };
  const [, picture] = PICTURE.find(([floor]) => psnr >= floor);
  const fault = faultOf(sent, received, fps);
  const bad = picture === "poor" || fault !== null;
  return { picture, fault, tone: bad ? "bad" : picture === "fair" ? "wait" : "good" };
}

function faultOf(sent, received, fps) {
  const settled = !(received.decoded < SETTLED * SMOOTH * fps);
  if (settled && received.fps < SMOOTH * fps) return "choppy";
  if (received.latency_ms > LATE) return "delayed";
  if (sent.loss > LOSSY) return "lossy";
  return null;
}

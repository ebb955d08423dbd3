// Read QR codes by the camera: with the browser's own detector, or with a library where it has none.

const PAUSE_MILLISECONDS = 150;
const SAME_CODE_SECONDS = 4;

async function detector() {
  const formats = ["qr_code"];
  if ((await globalThis.BarcodeDetector?.getSupportedFormats())?.includes("qr_code")) {
    return new globalThis.BarcodeDetector({ formats });
  }
  const { BarcodeDetector } = await import("./qr/decode.js");
  return new BarcodeDetector({ formats });
}

// Show the camera in the element and report each code once while it is held before it; return a function that stops.
export async function start(video, report) {
  const [found, stream] = await Promise.all([
    detector(),
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }),
  ]);
  video.srcObject = stream;
  await video.play();
  let isRunning = true;
  watch(found, video, report, () => isRunning);
  return () => {
    isRunning = false;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
}

async function watch(found, video, report, isRunning) {
  let last = { text: "", at: 0 };
  while (isRunning()) {
    const [code] = await found.detect(video).catch(() => []);
    if (code) {
      const isNew = code.rawValue !== last.text || Date.now() - last.at > SAME_CODE_SECONDS * 1000;
      last = { text: code.rawValue, at: Date.now() };
      if (isNew) await report(code.rawValue);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  }
}

// SHA-256 beside the page, so that it stays quick while large files are read.

self.addEventListener("message", async ({ data: { id, file } }) => {
  try {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    self.postMessage({ id, sha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
});

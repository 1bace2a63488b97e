// Latents: random ones by a seed, and walks between two of them.

// Numbers in [0, 1), the same for the same seed (mulberry32).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const length = (z) => Math.hypot(...z);

// A latent of `dim` numbers: "normal", "uniform" on [-1, 1], or "sphere", of length 1.
export function latent(draw, dim, distribution) {
  if (distribution === "uniform") return Array.from({ length: dim }, () => 2 * draw() - 1);
  const z = Array.from({ length: dim }, () => // Box and Muller 1958
    Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw()));
  return distribution === "sphere" ? z.map((value) => value / length(z)) : z;
}

// Back to where latents are: numbers within ± `limit`, on the sphere of length 1.
export function kept(z, distribution, limit) {
  if (distribution === "sphere") return z.map((value) => value / (length(z) || 1));
  const most = distribution === "uniform" ? 1 : limit;
  return z.map((value) => Math.min(most, Math.max(-most, value)));
}

// Between a (t = 0) and b (t = 1): along the great circle, or straight for uniform latents.
export function between(a, b, t, distribution) {
  const mixed = (s, u) => a.map((value, i) => s * value + u * b[i]);
  if (distribution === "uniform") return mixed(1 - t, t);
  const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (length(a) * length(b) || 1);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (angle < 1e-4 || Math.PI - angle < 1e-4) return mixed(1 - t, t);
  return mixed(Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle));
}

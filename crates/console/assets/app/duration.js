// Durations in seconds as text.

const UNITS = [
  { name: "d", seconds: 86_400 },
  { name: "h", seconds: 3_600 },
  { name: "min", seconds: 60 },
  { name: "s", seconds: 1 },
];

/** Returns a duration with its two largest units, such as `21 h 3 min`. */
export function duration(seconds) {
  let rest = Math.round(seconds);
  const parts = [];
  for (const { name, seconds: size } of UNITS) {
    const value = Math.floor(rest / size);
    if (value > 0 && parts.length < 2) parts.push(`${value} ${name}`);
    else if (parts.length > 0) break;
    rest -= value * size;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

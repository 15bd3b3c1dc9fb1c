/** Numbers as people read them. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatCount(value: number): string {
  return whole.format(value);
}

export function formatSize(widthPx: number, heightPx: number): string {
  return `${formatCount(widthPx)} × ${formatCount(heightPx)} px`;
}

/** "0.8 MP", "24 MP". */
export function formatMegapixels(widthPx: number, heightPx: number): string {
  const megapixels = (widthPx * heightPx) / 1e6;
  return `${megapixels < 0.1 ? megapixels.toFixed(3) : megapixels < 10 ? megapixels.toFixed(1) : formatCount(megapixels)} MP`;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** Memory in binary units: "512 MiB", "2 GiB". */
export function formatMemory(mebibytes: number): string {
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${Number((mebibytes / 1024).toFixed(1))} GiB`;
}

/** Time left in words: "5 s", "2 min 10 s", "1 h 5 min". */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total} s`;
  if (total < 3600)
    return total % 60 === 0 ? `${total / 60} min` : `${Math.floor(total / 60)} min ${total % 60} s`;
  const hours = Math.floor(total / 3600);
  const minutes = Math.round((total % 3600) / 60);
  return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
}

/** Magnification: one decimal only where it tells something. */
export function formatZoom(zoom: number): string {
  const percent = zoom * 100;
  return `${percent < 10 ? percent.toFixed(1) : formatCount(percent)} %`;
}

/** Print size at a resolution, in centimeters. */
export function formatPrintSize(widthPx: number, heightPx: number, dpi: number): string {
  const centimeters = (px: number): string => ((px / dpi) * 2.54).toFixed(1);
  return `${centimeters(widthPx)} × ${centimeters(heightPx)} cm`;
}

/** "16,697,987" weights as "16.7 million". */
export function formatParameters(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} million`;
  if (count >= 1e4) return `${formatCount(count / 1e3)} thousand`;
  return formatCount(count);
}

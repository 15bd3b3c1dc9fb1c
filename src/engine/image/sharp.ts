import sharpModule from 'sharp';

// libvips keeps results by file name, which is wrong as soon as a file is written twice, and memory nobody asked for.
sharpModule.cache(false);
// The default of one thread under glibc leaves half the speed unused; more threads hold more strips in memory.
sharpModule.concurrency(2);

/** The one configured door to sharp (libvips). */
export const sharp = sharpModule;

import { describe, expect, it } from 'vitest';
import {
  type FaceDetection,
  outputOf,
  overlapOf,
  suppressOverlaps,
} from '../../../src/engine/architectures/face-detection.ts';

function face(left: number, top: number, right: number, bottom: number, score: number): FaceDetection {
  return { left, top, right, bottom, score, points: [] };
}

describe('face detections', () => {
  it('measures the overlap of boxes', () => {
    expect(overlapOf(face(0, 0, 2, 2, 1), face(1, 0, 3, 2, 1))).toBeCloseTo(1 / 3);
    expect(overlapOf(face(0, 0, 1, 1, 1), face(1, 0, 2, 1, 1))).toBe(0);
    expect(overlapOf(face(0, 0, 0, 0, 1), face(0, 0, 0, 0, 1))).toBe(0);
  });

  it('keeps the best of overlapping boxes, best first', () => {
    const weak = face(0, 0, 10, 10, 0.7);
    const best = face(1, 1, 11, 11, 0.9);
    const apart = face(30, 30, 40, 40, 0.8);
    expect(suppressOverlaps([weak, best, apart], 0.4)).toEqual([best, apart]);
    expect(suppressOverlaps([weak, best, apart], 0.9)).toEqual([best, apart, weak]);
    expect(suppressOverlaps([weak, best, apart], 0.9, 1)).toEqual([best]);
  });

  it('refuses outputs of another length', () => {
    expect(() => outputOf({ score: new Float32Array(3) }, 'score', 4)).toThrow('score has 3 numbers where 4');
    expect(() => outputOf({}, 'box', 4)).toThrow('box has 0 numbers');
  });
});

import { describe, expect, it } from 'vitest';

import type { FaceDetection, Point } from '../../../src/engine/architectures/face-detection.ts';
import { planFaces } from '../../../src/engine/faces/plan-faces.ts';
import { usualPointsIn } from '../../../src/engine/faces/points-in-box.ts';
import type { FaceEdit } from '../../../src/shared/face-edit.ts';

function seen(x: number, y: number, sidePx: number, score = 0.9): FaceDetection {
  const box = { x, y, width: sidePx, height: sidePx * 1.3 };
  return { score, left: x, top: y, right: x + box.width, bottom: y + box.height, points: usualPointsIn(box) };
}

function edit(id: string, face: FaceDetection, change: Partial<FaceEdit> = {}): FaceEdit {
  return {
    id,
    source: 'found',
    box: { x: face.left, y: face.top, width: face.right - face.left, height: face.bottom - face.top },
    points: face.points.map(([x, y]) => ({ x, y })),
    state: 'auto',
    protectEyes: false,
    protectMouth: false,
    ...change,
  };
}

const large = seen(200, 10, 100);
const small = seen(20, 20, 20);

describe('what becomes of faces', () => {
  it('nobody decided about: large ones are restored unless they would become others, small ones are left alone', () => {
    expect(planFaces([large, small], [], 12).map(({ id, wanted, isSmall }) => [id, wanted, isSmall])).toEqual(
      [
        ['face-1', 'unless-other', false],
        ['face-2', 'no', true],
      ],
    );
  });

  it('is what was decided, whatever the detector says this time', () => {
    const edits = [
      edit('anna', small, { state: 'accepted' }),
      edit('emma', large, { state: 'rejected', strength: 0.5 }),
    ];
    const wobbling = [seen(203, 8, 97, 0.8), seen(19, 21, 21, 0.7)];
    const planned = planFaces(wobbling, edits, 12);
    expect(planned.map(({ id, wanted }) => [id, wanted])).toEqual([
      ['emma', 'no'],
      ['anna', 'yes'],
    ]);
    expect(planned[0]?.edit?.strength).toBe(0.5);
    // The points are those the detector sees now.
    expect(planned[1]?.points).toEqual(wobbling[1]?.points);
  });

  it('keeps points that were put right', () => {
    const points = large.points.map(([x, y]) => ({ x: x + 3, y: y - 2 }));
    const [face] = planFaces([large], [edit('emma', large, { source: 'corrected', points })], 12);
    expect(face?.points).toEqual(large.points.map(([x, y]): Point => [x + 3, y - 2]));
    expect(face?.source).toBe('corrected');
  });

  it('takes faces the detector misses from the decisions: drawn ones always, without points if need be', () => {
    const drawn: FaceEdit = {
      id: 'drawn-1',
      source: 'drawn',
      box: { x: 300, y: 300, width: 10, height: 12 },
      state: 'auto',
      protectEyes: false,
      protectMouth: false,
    };
    const edits = [drawn, edit('anna', small, { state: 'accepted' }), edit('emma', large, { strength: 0.3 })];
    const planned = planFaces([], edits, 12);
    expect(planned.map(({ id, wanted, score }) => [id, wanted, score])).toEqual([
      ['anna', 'yes', undefined],
      ['drawn-1', 'yes', undefined],
    ]);
    expect(planned[1]?.points).toBeUndefined();
    expect(planFaces([], [{ ...drawn, state: 'rejected' }], 12)[0]?.wanted).toBe('no');
  });

  it('keeps ids of an earlier search, and of faces that were decided about before those', () => {
    const first = planFaces([large, small], [], 12);
    const before = [large, small].map((face, i) => ({ ...face, id: first[i]!.id }));
    const again = planFaces([seen(400, 5, 60), large, small], [], 12, before);
    expect(again.map(({ id }) => id)).toEqual(['face-3', 'face-1', 'face-2']);
    expect(planFaces([large], [edit('emma', large)], 12, before)[0]?.id).toBe('emma');
  });
});

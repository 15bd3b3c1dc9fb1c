import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { Mask, MaskShape } from '../../shared/mask.ts';
import {
  cleared,
  maskAt,
  type MaskTarget,
  maskToEdit,
  selectsNothing,
  withMaskAt,
  withShape,
} from '../masks/mask-edits.ts';
import type { Brush } from '../masks/stroke-path.ts';
import { usePhoto } from './photo.ts';
import { usePreview } from './preview.ts';

export type MaskTool = 'brush' | 'eraser' | 'lasso' | 'rectangle';

/** Colors that stand out from photographs, the first for most. */
export const overlayColors = [
  { name: 'Red', rgb: [235, 52, 52] },
  { name: 'Green', rgb: [46, 204, 90] },
  { name: 'Blue', rgb: [64, 128, 255] },
  { name: 'Yellow', rgb: [255, 214, 0] },
] as const;

const leastRadiusPx = 0.5;
/** A brush starts with this share of the photo's longer side as its radius. */
const startShare = 0.018;
const sizeStep = 1.15;

/** The mask being edited and the tools it is painted with. */
export const useMasks = defineStore('masks', () => {
  const photo = usePhoto();
  const preview = usePreview();
  const target = shallowRef<MaskTarget>();
  const tool = ref<MaskTool>('brush');
  const brush = shallowRef<Brush>({ radiusPx: 20, hardness: 0.8, usesPressure: true });
  const colorIndex = ref(0);
  /** Of the overlay, 0 to 1. */
  const opacity = ref(0.5);
  /** The overlay may be put away to see the photo. */
  const visible = ref(true);

  const size = computed(() => photo.info?.image);
  const mostRadiusPx = computed(() => Math.max(size.value?.width ?? 1, size.value?.height ?? 1) / 2);
  const color = computed(() => overlayColors[colorIndex.value % overlayColors.length] ?? overlayColors[0]);
  const mask = computed<Mask | undefined>(() =>
    target.value === undefined || size.value === undefined
      ? undefined
      : maskToEdit(photo.recipe, target.value, size.value),
  );
  const isEmpty = computed(() => mask.value === undefined || selectsNothing(mask.value));

  function edit(next: MaskTarget): void {
    target.value = next;
    visible.value = true;
    if (tool.value === 'eraser') tool.value = 'brush';
  }

  function stop(): void {
    target.value = undefined;
  }

  /** Replaces the mask being edited; `commit` ends the entry of the history. */
  function change(next: Mask, commit = true): void {
    if (target.value === undefined) return;
    preview.begin();
    photo.edit(withMaskAt(photo.recipe, target.value, next));
    if (commit) photo.commit();
  }

  function add(shape: MaskShape): void {
    if (mask.value !== undefined) change(withShape(mask.value, shape));
  }

  function invert(): void {
    if (mask.value !== undefined) change({ ...mask.value, invert: !mask.value.invert });
  }

  function clear(): void {
    if (mask.value !== undefined && !isEmpty.value) change(cleared(mask.value));
  }

  function resize(radiusPx: number): void {
    brush.value = {
      ...brush.value,
      radiusPx: Math.min(mostRadiusPx.value, Math.max(leastRadiusPx, radiusPx)),
    };
  }

  function harden(hardness: number): void {
    brush.value = { ...brush.value, hardness: Math.min(1, Math.max(0, Math.round(hardness * 100) / 100)) };
  }

  watch(
    () => photo.source,
    () => {
      stop();
      resize(Math.round(startShare * 2 * mostRadiusPx.value));
    },
  );
  // The step, its mask or the removal it belonged to is gone: by undo, or by hand.
  watch(
    () => photo.recipe,
    (recipe) => {
      const { use, entry } = target.value ?? {};
      if (use === undefined) return;
      const isThere = recipe.steps.some(({ id }) => id === use);
      if (!isThere || (entry !== undefined && maskAt(recipe, { use, entry }) === undefined)) stop();
    },
  );

  return {
    target,
    tool,
    brush,
    colorIndex,
    color,
    opacity,
    visible,
    mask,
    isEmpty,
    mostRadiusPx,
    edit,
    stop,
    change,
    add,
    invert,
    clear,
    resize,
    harden,
    larger: () => resize(brush.value.radiusPx * sizeStep),
    smaller: () => resize(brush.value.radiusPx / sizeStep),
    usePressure: (usesPressure: boolean) => void (brush.value = { ...brush.value, usesPressure }),
  };
});

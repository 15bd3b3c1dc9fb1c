import { defineStore } from 'pinia';
import { ref } from 'vue';
import { toFailure } from '../../shared/failure.ts';

export interface NoticeAction {
  readonly label: string;
  run(): void;
}

/** One thing the user should know: shown until closed, an 'info' for a while only. */
export interface Notice {
  readonly id: number;
  readonly kind: 'info' | 'done' | 'failure';
  readonly text: string;
  readonly hint?: string;
  readonly action?: NoticeAction;
  /** A later notice with the same topic takes its place. */
  readonly topic?: string;
}

const infoMs = 7000;
const maxShown = 4;

export const useNotices = defineStore('notices', () => {
  const shown = ref<readonly Notice[]>([]);
  let nextId = 1;

  function show(notice: Omit<Notice, 'id'>): number {
    const id = nextId++;
    const others = shown.value.filter((other) => notice.topic === undefined || other.topic !== notice.topic);
    shown.value = [...others, { ...notice, id }].slice(-maxShown);
    if (notice.kind === 'info') setTimeout(() => close(id), infoMs);
    return id;
  }

  function info(text: string, topic?: string): void {
    show({ kind: 'info', text, ...(topic === undefined ? {} : { topic }) });
  }

  /** Shows anything thrown as its sentence and hint. */
  function failed(error: unknown, action?: NoticeAction): void {
    const { message, hint } = toFailure(error);
    show({
      kind: 'failure',
      text: message,
      topic: message,
      ...(hint === undefined ? {} : { hint }),
      ...(action === undefined ? {} : { action }),
    });
  }

  function close(id: number): void {
    shown.value = shown.value.filter((notice) => notice.id !== id);
  }

  function closeTopic(topic: string): void {
    shown.value = shown.value.filter((notice) => notice.topic !== topic);
  }

  return { shown, show, info, failed, close, closeTopic };
});

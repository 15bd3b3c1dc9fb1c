import { defineStore } from 'pinia';
import { ref } from 'vue';

export type PanelName = 'export' | 'models' | 'settings' | 'shortcuts' | 'face' | 'measures';

/** Which dialog is open; one at a time. */
export const usePanels = defineStore('panels', () => {
  const open = ref<PanelName>();
  return {
    open,
    show: (name: PanelName) => {
      open.value = name;
    },
    close: () => {
      open.value = undefined;
    },
  };
});

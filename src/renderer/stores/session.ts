import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { EngineInfo, EngineState, HostInfo, Settings, StepDescription } from '../../shared/contract.ts';
import { injectStudio } from '../inject-studio.ts';
import { useJobs } from './jobs.ts';
import { useNotices } from './notices.ts';

/** The host, its engine and the settings: what is true whichever photo is open. */
export const useSession = defineStore('session', () => {
  const studio = injectStudio();
  const notices = useNotices();
  const jobs = useJobs();
  const host = shallowRef<HostInfo>();
  const engine = shallowRef<EngineInfo>();
  const engineState = shallowRef<EngineState>({ state: 'starting', message: '' });
  const steps = shallowRef<readonly StepDescription[]>([]);
  const settings = shallowRef<Settings>();
  const connection = ref<'connected' | 'lost'>('connected');
  /** Rises whenever the engine (or the host) came back: what it held before may be gone. */
  const engineRun = ref(0);

  const device = computed(() => engine.value?.devices.find((entry) => entry.id === engine.value?.device));
  const isElectron = computed(() => host.value?.host === 'electron');

  async function load(): Promise<void> {
    host.value = await studio.call('host.info');
    engineState.value = await studio.call('engine.state');
    settings.value = await studio.call('settings.get');
    await loadEngine();
  }

  async function loadEngine(): Promise<void> {
    if (engineState.value.state !== 'ready') return;
    engine.value = await studio.call('engine.info');
    steps.value = await studio.call('step.list');
    jobs.takeAll(await studio.call('job.list'));
  }

  async function changeSettings(change: Partial<Settings>): Promise<void> {
    if (settings.value === undefined) return;
    try {
      settings.value = await studio.call('settings.set', { ...settings.value, ...change });
      if (engineState.value.state === 'ready') engine.value = await studio.call('engine.info');
    } catch (error) {
      notices.failed(error);
    }
  }

  async function engineChanged(next: EngineState): Promise<void> {
    const before = engineState.value.state;
    engineState.value = next;
    if (next.state === 'failed') jobs.takeAll([]);
    if (next.state !== 'ready' || before === 'ready') return;
    await loadEngine().catch((error: unknown) => notices.failed(error));
    if (before === 'starting') return;
    engineRun.value += 1;
    notices.show({
      kind: 'info',
      topic: 'engine',
      text: 'The engine stopped; it has been started again.',
      hint: 'Your photo, its steps and their history are as you left them; restore again to see the result.',
    });
  }

  /** Starts an engine that had given up: any call does. */
  async function tryAgain(): Promise<void> {
    await studio.call('engine.info').catch((error: unknown) => notices.failed(error));
  }

  async function connectionChanged(state: 'connected' | 'lost'): Promise<void> {
    connection.value = state;
    // What runs goes on without the window; the list of jobs tells what became of it.
    if (state === 'lost') return;
    await load().catch((error: unknown) => notices.failed(error));
    engineRun.value += 1;
  }

  studio.on('engine.changed', (next) => void engineChanged(next));
  studio.on('settings.changed', (next) => {
    settings.value = next;
  });
  studio.onConnection((state) => void connectionChanged(state));

  return {
    host,
    engine,
    engineState,
    engineRun,
    steps,
    settings,
    connection,
    device,
    isElectron,
    load,
    changeSettings,
    tryAgain,
  };
});

import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { connectStudio, studioKey } from './studio.ts';
import './styles.css';

try {
  const studio = await connectStudio();
  createApp(App).provide(studioKey, studio).use(createPinia()).mount('#app');
} catch (error) {
  const message = document.createElement('p');
  message.setAttribute('role', 'alert');
  message.className = 'unreachable';
  message.textContent =
    error instanceof Error
      ? `${error.message} Open the full address Heirloom printed when it was started.`
      : String(error);
  document.querySelector('#app')?.append(message);
}

// The browsers that are signed in, and their end.
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Chip } from '../components/chip.js';
import { ErrorNote } from '../components/error-note.js';
import { Loading } from '../components/progress.js';
import { report, toast } from '../components/toast.js';
import { dateTime, relative } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Panel } from './panel.js';
import { useList } from './use-list.js';

/** @typedef {import('../types.js').SignIn} SignIn */

export function SignIns() {
  const { list, error, reload } = useList('/api/auth/sessions');
  const end = async (/** @type {SignIn} */ signIn) => {
    try {
      await api.delete(`/api/auth/sessions/${encodeURIComponent(signIn.id)}`);
      toast({ text: t('sign_ins.ended'), tone: 'ok' });
      await reload();
    } catch (problem) {
      report(problem);
    }
  };
  return html`
    <${Panel} title=${t('sign_ins.title')} explanation=${t('sign_ins.explanation')}>
      ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
      ${!list && !error && html`<${Loading} rows=${2} label=${t('common.loading')} />`}
      <ul class="list">
        ${
          /** @type {SignIn[]} */ (list ?? []).map(
            (signIn) => html`
            <li key=${signIn.id}>
              <div class="grow">
                <p class="row tight"><strong>${browserOf(signIn.agent)}</strong> <span class="mono dim">${signIn.address}</span> ${signIn.current && html`<${Chip} tone="ok" icon="check" label=${t('sign_ins.current')} />`}</p>
                <p class="dim">${t('sign_ins.since', { time: dateTime(signIn.created_at) })} · ${t('sign_ins.seen', { time: relative(signIn.last_seen_at) })}</p>
              </div>
              ${!signIn.current && html`<${Button} icon="signout" label=${t('sign_ins.end')} name=${t('sign_ins.end_name', { browser: browserOf(signIn.agent) })} onClick=${() => end(signIn)} />`}
            </li>
          `,
          )
        }
      </ul>
    <//>
  `;
}

/**
 * A short name for what a browser calls itself; all of it if nothing in it is known.
 * @param {string} agent
 */
function browserOf(agent) {
  const browser = [/Firefox\/\d+/, /Edg\/\d+/, /Chrome\/\d+/, /Version\/\d+.*Safari/]
    .map((each) => agent.match(each)?.[0])
    .find(Boolean);
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS X', 'Linux'].find((each) => agent.includes(each));
  const name = browser
    ?.replace(/^Edg\//, 'Edge ')
    .replace(/^Version\/(\d+).*/, 'Safari $1')
    .replace('/', ' ');
  return name ? [name, system].filter(Boolean).join(' · ') : agent || '–';
}

// Variables that an account sets for Claude Code. Their values never come back from the server, so what is kept is
// kept there, and only what changed is sent.
import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/**
 * @typedef {object} Variable
 * @property {string} name
 * @property {string} value empty for one whose value stays
 * @property {boolean} kept the server has it already
 * @property {boolean} removed
 */

/** @param {string[]} names those that the server has @returns {Variable[]} */
export function keptVariables(names) {
  return names.map((name) => ({ name, value: '', kept: true, removed: false }));
}

/**
 * What to send: new values, null for what goes; undefined if nothing changed.
 * @param {Variable[]} variables
 * @returns {Record<string, string|null>|undefined}
 */
export function changedVariables(variables) {
  /** @type {[string, string|null][]} */
  const changed = [];
  for (const { name, value, kept, removed } of variables) {
    if (removed) changed.push([name, null]);
    else if (!kept && name !== '') changed.push([name, value]);
    else if (kept && value !== '') changed.push([name, value]);
  }
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

/** @param {{variables: Variable[], onChange: (variables: Variable[]) => void}} props */
export function Environment({ variables, onChange }) {
  const set = (/** @type {number} */ index, /** @type {Partial<Variable>} */ change) =>
    onChange(variables.map((each, at) => (at === index ? { ...each, ...change } : each)));
  const take = (/** @type {number} */ index) =>
    variables[index].kept
      ? set(index, { removed: !variables[index].removed })
      : onChange(variables.filter((_, at) => at !== index));
  return html`
    <details class="more" open=${variables.length > 0}>
      <summary><${Icon} name="down" /><span>${t('environment.title')}</span></summary>
      <p class="hint">${t('environment.hint')}</p>
      <ul class="variables">
        ${variables.map(
          (each, index) => html`
            <li key=${index} class=${each.removed ? 'removed' : ''}>
              <input
                type="text" class="mono" aria-label=${t('environment.name')} placeholder="NAME" value=${each.name}
                readonly=${each.kept} pattern="[A-Za-z_][A-Za-z0-9_]*" spellcheck=${false} autocomplete="off"
                onInput=${(/** @type {any} */ event) => set(index, { name: event.currentTarget.value })}
              />
              <input
                type="text" class="mono" aria-label=${t('environment.value', { name: each.name })} value=${each.value}
                placeholder=${each.kept ? t('environment.kept') : ''} disabled=${each.removed} spellcheck=${false} autocomplete="off"
                onInput=${(/** @type {any} */ event) => set(index, { value: event.currentTarget.value })}
              />
              <${Button}
                tone="quiet" icon=${each.removed ? 'history' : 'cross'} hideLabel onClick=${() => take(index)}
                label=${each.removed ? t('environment.keep', { name: each.name }) : t('environment.remove', { name: each.name })}
              />
            </li>
          `,
        )}
      </ul>
      <${Button}
        icon="plus" label=${t('environment.add')}
        onClick=${() => onChange([...variables, { name: '', value: '', kept: false, removed: false }])}
      />
    </details>
  `;
}

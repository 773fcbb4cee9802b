// Variables that an account sets for Claude Code. The server replaces them all at once and never gives a value back, so
// whoever changes one gives those that stay once more; nothing is dropped because its value was not known here.
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

/** Whether anything was touched. @param {Variable[]} variables */
function changed(variables) {
  return variables.some(({ name, value, kept, removed }) => removed || (kept ? value !== '' : name !== ''));
}

/**
 * The variable whose value must be given before the change can be sent; undefined if there is none.
 * @param {Variable[]} variables
 * @returns {Variable|undefined}
 */
export function missingValue(variables) {
  return changed(variables)
    ? variables.find(({ value, kept, removed }) => kept && !removed && value === '')
    : undefined;
}

/**
 * All variables to send; undefined if nothing changed.
 * @param {Variable[]} variables
 * @returns {Record<string, string>|undefined}
 */
export function variablesToSend(variables) {
  if (!changed(variables)) return undefined;
  const sent = variables.filter(({ name, removed }) => !removed && name !== '');
  return Object.fromEntries(sent.map(({ name, value }) => [name, value]));
}

/** @param {{variables: Variable[], onChange: (variables: Variable[]) => void}} props */
export function Environment({ variables, onChange }) {
  const set = (/** @type {number} */ index, /** @type {Partial<Variable>} */ change) =>
    onChange(variables.map((each, at) => (at === index ? { ...each, ...change } : each)));
  const take = (/** @type {number} */ index) =>
    variables[index].kept
      ? set(index, { removed: !variables[index].removed })
      : onChange(variables.filter((_, at) => at !== index));
  const missing = missingValue(variables);
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
                placeholder=${each.kept ? (missing ? t('environment.needed') : t('environment.kept')) : ''} disabled=${each.removed} spellcheck=${false} autocomplete="off"
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
      ${missing && html`<p class="hint" role="status"><${Icon} name="alert" /><span>${t('environment.all_again', { name: missing.name })}</span></p>`}
      <${Button}
        icon="plus" label=${t('environment.add')}
        onClick=${() => onChange([...variables, { name: '', value: '', kept: false, removed: false }])}
      />
    </details>
  `;
}

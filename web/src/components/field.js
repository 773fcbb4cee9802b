// Inputs with their labels, hints and errors joined for screen readers.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';

/**
 * @typedef {object} FieldProps
 * @property {string} label
 * @property {string} value
 * @property {(value: string) => void} onInput
 * @property {import('../types.js').Children} [hint]
 * @property {string|null} [error]
 * @property {'text'|'password'|'number'|'search'|'url'} [type]
 * @property {boolean} [mono] for keys, commands and paths
 * @property {string} [placeholder]
 * @property {string} [autocomplete]
 * @property {boolean} [required]
 * @property {boolean} [autofocus]
 * @property {string} [inputmode]
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [maxlength]
 * @property {boolean} [lines] several lines
 * @property {import('../types.js').Children} [children] beside the input
 */

/** @param {FieldProps} props */
export function Field(props) {
  const id = useId();
  const input = useRef(/** @type {HTMLElement|null} */ (null));
  // Browsers honour `autofocus` of what is added later only inside a dialog that opens.
  useEffect(() => {
    if (props.autofocus) input.current?.focus();
  }, []);
  const described = [props.hint && `${id}-hint`, props.error && `${id}-error`].filter(Boolean).join(' ');
  return html`
    <div class="field">
      <label for=${id}>${props.label}</label>
      <div class="field-row">
        <${props.lines ? 'textarea' : 'input'}
          ref=${input}
          id=${id}
          type=${props.lines ? undefined : (props.type ?? 'text')}
          rows=${props.lines ? 5 : undefined}
          class=${props.mono ? 'mono' : ''}
          value=${props.value}
          onInput=${(/** @type {any} */ event) => props.onInput(event.currentTarget.value)}
          placeholder=${props.placeholder}
          autocomplete=${props.autocomplete ?? 'off'}
          autocapitalize="off"
          spellcheck=${false}
          required=${props.required}
          autofocus=${props.autofocus}
          inputmode=${props.inputmode}
          min=${props.min}
          max=${props.max}
          maxlength=${props.maxlength}
          aria-invalid=${props.error ? 'true' : undefined}
          aria-describedby=${described || undefined}
        />
        ${props.children}
      </div>
      ${props.hint && html`<p class="hint" id=${`${id}-hint`}>${props.hint}</p>`}
      ${props.error && html`<p class="hint bad" id=${`${id}-error`}>${props.error}</p>`}
    </div>
  `;
}

/**
 * A field for a password or a credential: hidden until its owner wants to see it.
 * @param {FieldProps} props
 */
export function SecretField(props) {
  const [shown, setShown] = useState(false);
  return html`
    <${Field} ...${props} type=${shown ? 'text' : 'password'} mono=${props.mono ?? true}>
      <${Button}
        tone="quiet" icon="eye" hideLabel pressed=${shown}
        label=${t('field.show')} onClick=${() => setShown(!shown)}
      />
    <//>
  `;
}

/**
 * @template {string} V
 * @param {{
 *   label: string, value: V, onChange: (value: V) => void, options: {value: V, label: string}[],
 *   hint?: string, inline?: boolean, hideLabel?: boolean,
 * }} props
 */
export function Select({ label, value, onChange, options, hint, inline, hideLabel }) {
  const id = useId();
  return html`
    <div class=${`field ${inline ? 'inline' : ''}`}>
      <label for=${id} class=${hideLabel ? 'visually-hidden' : ''}>${label}</label>
      <select
        id=${id} value=${value} aria-describedby=${hint ? `${id}-hint` : undefined}
        onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}
      >
        ${options.map((option) => html`<option key=${option.value} value=${option.value} selected=${option.value === value}>${option.label}</option>`)}
      </select>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  `;
}

/**
 * @param {{
 *   label: import('../types.js').Children, checked: boolean, onChange: (checked: boolean) => void, hint?: string,
 *   disabled?: boolean, autofocus?: boolean,
 * }} props
 */
export function Check({ label, checked, onChange, hint, disabled, autofocus }) {
  const id = useId();
  return html`
    <div class="check">
      <input
        type="checkbox" id=${id} checked=${checked} disabled=${disabled} autofocus=${autofocus}
        aria-describedby=${hint ? `${id}-hint` : undefined}
        onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.checked)}
      />
      <label for=${id}>${label}</label>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  `;
}

/**
 * One of a few, all visible: radio buttons drawn as one strip.
 * @template {string} V
 * @param {{label: string, value: V, onChange: (value: V) => void, options: {value: V, label: string}[], hideLabel?: boolean, hint?: string}} props
 */
export function Choice({ label, value, onChange, options, hideLabel, hint }) {
  const name = useId();
  return html`
    <fieldset class="choice">
      <legend class=${hideLabel ? 'visually-hidden' : ''}>${label}</legend>
      <div class="choice-strip">
        ${options.map(
          (option) => html`
            <label key=${option.value}>
              <input type="radio" name=${name} checked=${option.value === value} onChange=${() => onChange(option.value)} />
              <span>${option.label}</span>
            </label>
          `,
        )}
      </div>
      ${hint && html`<p class="hint">${hint}</p>`}
    </fieldset>
  `;
}

import { useEffect, useState } from 'preact/hooks';
import { announce } from '../announce.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { toast } from './toast.js';

/**
 * Puts a text on the clipboard. Over plain HTTP from another machine the browser has no clipboard for pages, so a
 * hidden field and the old command stand in.
 * @param {string} text
 * @returns {Promise<boolean>} whether it worked
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'visually-hidden';
  // Inside an open dialog everything else is inert and could not be selected.
  const home = document.querySelector('dialog[open]') ?? document.body;
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  home.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  before?.focus();
  return done;
}

/**
 * @param {{text: string, label?: string, hideLabel?: boolean, tone?: 'plain'|'quiet'|'primary', onCopied?: () => void, name?: string}} props
 */
export function CopyButton({ text, label = t('common.copy'), hideLabel, tone = 'plain', onCopied, name }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    if (!(await copyText(text))) {
      toast({ text: t('common.copy_failed'), tone: 'bad' });
      return;
    }
    setCopied(true);
    announce(t('common.copied'));
    onCopied?.();
  };
  return html`
    <${Button}
      label=${copied ? t('common.copied') : label} icon=${copied ? 'check' : 'copy'} hideLabel=${hideLabel}
      tone=${tone} onClick=${copy} name=${name}
    />
  `;
}

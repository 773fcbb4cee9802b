import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { FormDialog } from '../components/dialog.js';
import { SecretField } from '../components/field.js';
import { NewPassword } from '../components/new-password.js';
import { useStrength } from '../components/password-strength.js';
import { toast } from '../components/toast.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Panel } from './panel.js';

export function Password() {
  const [open, setOpen] = useState(false);
  return html`
    <${Panel} title=${t('settings.password')} explanation=${t('settings.password_hint')}>
      <div><${Button} icon="lock" label=${t('settings.change_password')} onClick=${() => setOpen(true)} /></div>
    <//>
    ${open && html`<${ChangeDialog} onClose=${() => setOpen(false)} />`}
  `;
}

/** @param {{onClose: () => void}} props */
function ChangeDialog({ onClose }) {
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const strength = useStrength(password);
  const change = async () => {
    await api.post('/api/auth/change-password', { current_password: old, new_password: password });
    toast({ text: t('settings.password_changed'), detail: t('settings.password_changed_hint'), tone: 'ok' });
    onClose();
  };
  return html`
    <${FormDialog}
      title=${t('settings.change_password')} submit=${t('settings.change_password')} onSubmit=${change} onClose=${onClose}
      disabled=${old === '' || password === '' || password !== again || strength?.acceptable === false}
    >
      <input type="text" name="username" autocomplete="username" value="claude-accounts" readonly hidden />
      <${SecretField} label=${t('settings.current_password')} value=${old} onInput=${setOld} autocomplete="current-password" autofocus />
      <${NewPassword} password=${password} again=${again} onPassword=${setPassword} onAgain=${setAgain} strength=${strength} />
    <//>
  `;
}

// The words of the charts, in all languages of the page.

import { registerMessages } from '../i18n.js';
import en from './locales/en.js';
import fr from './locales/fr.js';
import zh from './locales/zh.js';

registerMessages('en', en);
registerMessages('fr', fr);
registerMessages('zh', zh);

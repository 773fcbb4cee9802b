// What the server says, in French: it says it in English, and what is not here is shown as it is.

/** @type {Record<string, string>} */
export default {
  'nobody has signed in yet': 'personne ne s’est encore connecté',
  'it is renewed when it is launched': 'elle est renouvelée au lancement',
  'there is no refresh token to renew it with': 'il n’y a pas de jeton de rafraîchissement pour la renouveler',
  'wrong password': 'mot de passe incorrect',
  'Forgotten? On the machine itself: claude-accounts dashboard reset-password.':
    'Oublié ? Sur la machine même : claude-accounts dashboard reset-password.',
  'Wait; or, on the machine itself: claude-accounts dashboard reset-password.':
    'Patientez ; ou, sur la machine même : claude-accounts dashboard reset-password.',
  'the password is empty': 'le mot de passe est vide',
  'the password has more than 1024 bytes': 'le mot de passe dépasse 1024 octets',
  'this password is too easy to guess, or too long': 'ce mot de passe est trop facile à deviner, ou trop long',
  'the password is being changed at this moment': 'le mot de passe est en train d’être changé',
  'the password was changed meanwhile': 'le mot de passe a été changé entre-temps',
  'the dashboard is set up already': 'le tableau de bord est déjà configuré',
  'Sign in.': 'Connectez-vous.',
  '`claude-accounts serve` prints it on the machine itself.': '`claude-accounts serve` l’affiche sur la machine même.',
  'Confirm the password; that counts for five minutes.': 'Confirmez le mot de passe ; cela vaut cinq minutes.',
  'that code is wrong': 'ce code est incorrect',
  "Compare this machine's clock with the telephone's.": 'Comparez l’horloge de cette machine avec celle du téléphone.',
  'this was not begun here, or too long ago': 'cela n’a pas été commencé ici, ou il y a trop longtemps',
  'Begin again.': 'Recommencez.',
  'no authenticator app is set up': 'aucune application d’authentification n’est configurée',
  'Set up an authenticator app or a passkey first.':
    'Configurez d’abord une application d’authentification ou une clé d’accès.',
  'there is no such passkey, or not any more': 'cette clé d’accès n’existe pas, ou plus',
  'there are too many passkeys': 'il y a trop de clés d’accès',
  'Remove one first.': 'Supprimez-en une d’abord.',
  'a passkey needs a host name, and this is an address': 'une clé d’accès exige un nom d’hôte, et ceci est une adresse',
  "Open the dashboard at http://localhost, or at the machine's name.":
    'Ouvrez le tableau de bord à http://localhost, ou au nom de la machine.',
  'a passkey cannot be used at this address': 'une clé d’accès ne peut pas servir à cette adresse',
  'the passkey does not fit what was asked': 'la clé d’accès ne correspond pas à ce qui était demandé',
  'there is no passkey for this host name': 'il n’y a pas de clé d’accès pour ce nom d’hôte',
  'Open the dashboard at the address where it was made, or use a recovery code.':
    'Ouvrez le tableau de bord à l’adresse où elle a été créée, ou utilisez un code de secours.',
  'passkeys do not work here': 'les clés d’accès ne fonctionnent pas ici',
  'there is no such sign-in, or not any more': 'cette connexion n’existe pas, ou plus',
  'there is no such token, or not any more': 'ce jeton n’existe pas, ou plus',
  'there are too many tokens': 'il y a trop de jetons',
  'Revoke those that are not used any more.': 'Révoquez ceux qui ne servent plus.',
  'there is no such account, or not any more': 'ce compte n’existe pas, ou plus',
  'A name has 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`.':
    'Un nom a de 1 à 64 lettres, chiffres, `.`, `_` et `-`, et commence par une lettre, un chiffre ou `_`.',
  'A name has letters, digits and `_`, and starts with no digit.':
    'Un nom a des lettres, des chiffres et `_`, et ne commence pas par un chiffre.',
  'there is no credential file of the client': 'il n’y a pas de fichier d’identifiants du client',
  'Sign in with the client first (`claude auth login`), or give a credential file.':
    'Connectez-vous d’abord avec le client (`claude auth login`), ou donnez un fichier d’identifiants.',
  'Sign in with the client (`claude auth login`), or give another credential file.':
    'Connectez-vous avec le client (`claude auth login`), ou donnez un autre fichier d’identifiants.',
  "Give the client's own file, usually ~/.claude/.credentials.json.":
    'Donnez le fichier du client lui-même, d’ordinaire ~/.claude/.credentials.json.',
  'there is nothing to undo, or not any more': 'il n’y a rien à annuler, ou plus',
  'the account is back already': 'le compte est déjà revenu',
  'the account has no login': 'le compte n’a pas de connexion',
  'an account with an API key has no sign-in': 'un compte avec une clé d’API n’a pas de connexion',
  'Change its key instead.': 'Changez plutôt sa clé.',
  'Give an array of accounts as the export has it.': 'Donnez un tableau de comptes comme celui de l’export.',
  'Nothing was exported. Choose the accounts without this one.':
    'Rien n’a été exporté. Choisissez les comptes sans celui-ci.',
  'the body is larger than 1 MiB': 'le contenu dépasse 1 Mio',
  'there is no such directory': 'ce répertoire n’existe pas',
  'this is no directory': 'ce n’est pas un répertoire',
  'this directory may not be listed by the user that the server runs as':
    'l’utilisateur du serveur ne peut pas lister ce répertoire',
  'the name of this directory is not UTF-8': 'le nom de ce répertoire n’est pas en UTF-8',
  'Choose another one.': 'Choisissez-en un autre.',
  'the path is not absolute': 'le chemin n’est pas absolu',
  'the path is too long': 'le chemin est trop long',
  'Give it from the root on: /home/…': 'Donnez-le depuis la racine : /home/…',
  'this directory is not bound itself': 'ce répertoire lui-même n’est pas lié',
  'Choose a directory that exists; leave it out for the home directory.':
    'Choisissez un répertoire qui existe ; laissez vide pour le répertoire personnel.',
  'there is no such terminal session, or not any more': 'cette session de terminal n’existe pas, ou plus',
  'One that has ended is kept for an hour.': 'Une session terminée est gardée une heure.',
  'this session was not recorded': 'cette session n’a pas été enregistrée',
  'Recording is off unless it is asked for, when starting or in the settings.':
    'L’enregistrement est désactivé sauf demande, au démarrage ou dans les réglages.',
  'End one of them first.': 'Terminez-en une d’abord.',
  'the program has ended': 'le programme s’est terminé',
  'this link has expired': 'ce lien a expiré',
  'Try again in a moment.': 'Réessayez dans un instant.',
  'this was broken off by a fault in the program': 'ceci a été interrompu par une erreur du programme',
  'Check the directory, and the limits of this machine.': 'Vérifiez le répertoire et les limites de cette machine.',
  'Use at least 12 characters, or 8 that are hard to guess.':
    'Utilisez au moins 12 caractères, ou 8 difficiles à deviner.',
  'Use at most 1024 bytes.': 'Utilisez au plus 1024 octets.',
};

/** What `zxcvbn` says of a password, sentence by sentence. @type {Record<string, string>} */
export const ofPasswords = {
  'A word by itself is easy to guess.': 'Un mot seul est facile à deviner.',
  'Add another word or two.': 'Ajoutez un ou deux mots.',
  'Uncommon words are better.': 'Des mots rares valent mieux.',
  'All-uppercase is almost as easy to guess as all-lowercase.':
    'Tout en majuscules est presque aussi facile à deviner que tout en minuscules.',
  'Avoid dates and years that are associated with you.': 'Évitez les dates et les années qui vous concernent.',
  'Avoid recent years.': 'Évitez les années récentes.',
  'Avoid repeated words and characters.': 'Évitez les mots et les caractères répétés.',
  'Avoid sequences.': 'Évitez les suites.',
  'Avoid years that are associated with you.': 'Évitez les années qui vous concernent.',
  "Capitalization doesn't help very much.": 'Les majuscules n’aident pas beaucoup.',
  'Common names and surnames are easy to guess.': 'Les prénoms et noms courants sont faciles à deviner.',
  'Dates are often easy to guess.': 'Les dates sont souvent faciles à deviner.',
  'Names and surnames by themselves are easy to guess.': 'Les prénoms et noms seuls sont faciles à deviner.',
  'No need for symbols, digits, or uppercase letters.': 'Symboles, chiffres et majuscules ne sont pas nécessaires.',
  "Predictable substitutions like '@' instead of 'a' don't help very much.":
    'Les substitutions prévisibles comme « @ » pour « a » n’aident pas beaucoup.',
  'Recent years are easy to guess.': 'Les années récentes sont faciles à deviner.',
  "Reversed words aren't much harder to guess.": 'Les mots inversés ne sont guère plus difficiles à deviner.',
  'Sequences like abc or 6543 are easy to guess.': 'Les suites comme abc ou 6543 sont faciles à deviner.',
  'Short keyboard patterns are easy to guess.': 'Les motifs de clavier courts sont faciles à deviner.',
  'Straight rows of keys are easy to guess.': 'Les rangées de touches sont faciles à deviner.',
  'This is a top-10 common password.': 'C’est un des 10 mots de passe les plus courants.',
  'This is a top-100 common password.': 'C’est un des 100 mots de passe les plus courants.',
  'This is a very common password.': 'C’est un mot de passe très courant.',
  'This is similar to a commonly used password.': 'Il ressemble à un mot de passe courant.',
  'Use a few words, avoid common phrases.': 'Utilisez quelques mots, évitez les phrases courantes.',
  'Use a longer keyboard pattern with more turns.': 'Utilisez un motif de clavier plus long avec plus de détours.',
};

/** With what differs in them. @type {Record<string, string>} */
export const withValues = {
  'there is no account named "{}"': 'il n’y a pas de compte nommé « {} »',
  'there is already an account named "{}"': 'il y a déjà un compte nommé « {} »',
  'the record of "{}" is damaged: its {} cannot be opened with the vault\'s key':
    'l’enregistrement de « {} » est endommagé : {} ne s’ouvre pas avec la clé du coffre',
  '"{}" has no generation {}': '« {} » n’a pas de génération {}',
  '"{}" was changed by another process in the meantime': '« {} » a été modifié entre-temps par un autre processus',
  '"{}" is an account of the other kind: key or login': '« {} » est un compte de l’autre sorte : clé ou connexion',
  '"{}" has an API key, not a login': '« {} » a une clé d’API, pas de connexion',
  'nobody has signed in to "{}" yet': 'personne ne s’est encore connecté à « {} »',
  '"{}" must sign in again: {}': '« {} » doit se reconnecter : {}',
  '"{}" has no refresh token to renew it with': '« {} » n’a pas de jeton de rafraîchissement pour être renouvelé',
  'cannot renew "{}": {}': 'impossible de renouveler « {} » : {}',
  'the renewed login of "{}" is lost, since nothing could be written: {}':
    'la connexion renouvelée de « {} » est perdue, car rien n’a pu être écrit : {}',
  'another process has been renewing "{}" for too long': 'un autre processus renouvelle « {} » depuis trop longtemps',
  'Claude Code holds {} for too long': 'Claude Code retient {} trop longtemps',
  'another process holds {} locked': 'un autre processus garde {} verrouillé',
  'the disk is full: nothing was changed in {}': 'le disque est plein : rien n’a été modifié dans {}',
  '{} cannot be written': 'impossible d’écrire {}',
  '{} is damaged or not a SQLite database': '{} est endommagé ou n’est pas une base SQLite',
  'the key {} is missing, and the accounts are sealed with it':
    'la clé {} manque, et les comptes sont scellés avec elle',
  'the key {} does not open these accounts': 'la clé {} n’ouvre pas ces comptes',
  'cannot find {}': 'introuvable : {}',
  '{} is not an executable file': '{} n’est pas un fichier exécutable',
  'cannot start {}: {}': 'impossible de démarrer {} : {}',
  'the variable "{}" {}': 'la variable « {} » : {}',
  '`title` has 1 to {} characters, no control characters among them':
    '`title` a de 1 à {} caractères, sans caractère de contrôle',
  '`minutes` is 1 to {}': '`minutes` va de 1 à {}',
  'it is larger than {} MiB': 'il dépasse {} Mio',
  'it is not JSON (line {}, column {})': 'ce n’est pas du JSON (ligne {}, colonne {})',
  '{} of its accounts cannot be taken: {}': '{} de ses comptes ne peuvent être pris : {}',
};

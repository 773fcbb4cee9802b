// The charts' words in French.

/** @type {import('../../i18n.js').Messages} */
export default {
  'charts.as_table': 'En tableau',
  'charts.day': 'Jour',
  'charts.event': 'Événement',
  'charts.expired': 'Expirée {when}',
  'charts.expires': 'Expire {when}',
  'charts.launches': { one: '{count} lancement', other: '{count} lancements' },
  'charts.no_launches': 'Aucun lancement pendant ces jours.',
  'charts.now': 'maintenant',
  'charts.others': 'Autres',
  'charts.recorded': 'Enregistrée {when}',
  'charts.renewal_due': 'Renouvellement attendu depuis {when}',
  'charts.renews': 'Sera renouvelée {when}',
  'charts.time': 'Moment',
  'charts.timeline': 'Chronologie de la connexion de {name}',
  'charts.total': 'Total',
  'charts.usage': { one: 'Lancements par jour : {count} au total', other: 'Lancements par jour : {count} au total' },
};

// The charts' words in English.

/** @type {import('../../i18n.js').Messages} */
export default {
  'charts.as_table': 'As a table',
  'charts.day': 'Day',
  'charts.event': 'Event',
  'charts.expired': 'Expired {when}',
  'charts.expires': 'Expires {when}',
  'charts.launches': { one: '{count} launch', other: '{count} launches' },
  'charts.no_launches': 'No launches in these days.',
  'charts.now': 'now',
  'charts.others': 'Others',
  'charts.recorded': 'Stored {when}',
  'charts.renewal_due': 'Renewal due since {when}',
  'charts.renews': 'Will be renewed {when}',
  'charts.time': 'Time',
  'charts.timeline': 'Time line of the login of {name}',
  'charts.total': 'All',
  'charts.usage': { one: 'Launches by day: {count} in all', other: 'Launches by day: {count} in all' },
};

// The charts' words in Chinese.

/** @type {import('../../i18n.js').Messages} */
export default {
  'charts.as_table': '以表格显示',
  'charts.day': '日期',
  'charts.event': '事件',
  'charts.expired': '{when}已过期',
  'charts.expires': '{when}过期',
  'charts.launches': { other: '{count} 次启动' },
  'charts.no_launches': '这些天没有启动。',
  'charts.now': '现在',
  'charts.others': '其他',
  'charts.recorded': '{when}保存',
  'charts.renewal_due': '自{when}起应续期',
  'charts.renews': '{when}续期',
  'charts.time': '时间',
  'charts.timeline': '{name} 的登录时间线',
  'charts.total': '合计',
  'charts.usage': { other: '每日启动次数：共 {count} 次' },
};

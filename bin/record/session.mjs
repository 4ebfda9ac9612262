/** What is typed in the recorded session, in this order, by a user who has a gateway and no service yet. */
export const SESSION = [
  'hermes-svc install',
  'hermes-svc status',
  'kill -9 $(systemctl --user show -P MainPID hermes-gateway); sleep 8; hermes-svc status | grep -E "gateway|restarts"',
  'hermes-svc restart',
  'hermes-svc stop',
  'hermes-svc status; echo "exit $?"',
  'hermes-svc start',
  'hermes-svc doctor',
  'hermes-svc uninstall',
]

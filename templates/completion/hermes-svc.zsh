#compdef hermes-svc
# Completion of hermes-svc for zsh: hermes-svc autocomplete says how to install it. It asks the installed hermes-svc at each Tab, so it need
# not be made anew after an upgrade.
_hermes-svc() {
  local -a before answer found
  local line kind
  (( CURRENT > 2 )) && before=("${(@Q)words[2,CURRENT-1]}")
  answer=("${(@f)$(command hermes-svc __complete zsh "${before[@]/#\~\//$HOME/}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  kind=${answer[1]%%$'\t'*}
  case $kind in
    words)
      # A colon ends the word and begins what it means.
      for line in "${answer[@]:1}"; do found+=("${line%%$'\t'*}:${line#*$'\t'}"); done
      _describe -t values hermes-svc found
      ;;
    files) compset -P '--*='; _files ;;
    folders) compset -P '--*='; _files -/ ;;
    users) compset -P '--*='; _users ;;
  esac
}
# As a file on fpath it is its own function's first call; else it is made known here.
if [[ ${funcstack[1]} == _hermes-svc ]]; then
  _hermes-svc "$@"
elif (( $+functions[compdef] )); then
  compdef _hermes-svc hermes-svc
fi

# Completion of hermes-svc for bash: hermes-svc autocomplete says how to install it. It asks the installed hermes-svc at each Tab, so it need
# not be made anew after an upgrade.
_hermes_svc() {
  local answer line kind= current= typed
  COMPREPLY=()
  answer=$(command hermes-svc __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
  # What bash replaces: the end of the word, after the last of COMP_WORDBREAKS or an opening quote.
  typed=${2#[\"\']}
  while IFS= read -r line; do
    if [[ -z $kind ]]; then
      kind=${line%%$'\t'*} current=${line#*$'\t'}
    else
      COMPREPLY+=("${line#"${current%"$typed"}"}")
    fi
  done <<<"$answer"
  # bash 3 has no compopt.
  case $kind in
    files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$typed")) ;;
    folders) compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$typed")) ;;
    users) COMPREPLY=($(compgen -u -- "$typed")) ;;
  esac
}
complete -F _hermes_svc hermes-svc

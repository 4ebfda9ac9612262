# Completion of hermes-svc for fish: hermes-svc autocomplete says how to install it. It asks the installed hermes-svc at each Tab, so it need
# not be made anew after an upgrade.
function __hermes_svc_complete
    set -l typed (commandline --current-token)
    # The word without an opening quote, and with ~ as the shell would have it.
    set -l current (string replace --regex '^["\']' '' -- $typed | string replace --regex '^~(?=/|$)' $HOME)
    set -l words (commandline --cut-at-cursor --current-process --tokenize)
    set -l answer (command hermes-svc __complete fish (string replace --regex '^~(?=/|$)' $HOME -- $words[2..-1]) "$current" 2>/dev/null </dev/null)
    set -l flag (string match --regex '^--[a-z-]+=' -- $current)
    set -l value (string replace --regex '^--[a-z-]+=' '' -- $current)
    switch (string split --max 1 \t -- $answer[1])[1]
        case words
            printf '%s\n' $answer[2..-1]
        case files
            printf "$flag%s\n" (__fish_complete_path $value)
        case folders
            printf "$flag%s\n" (__fish_complete_directories $value)
        case users
            printf "$flag%s\n" (__fish_complete_users)
    end
end
complete --command hermes-svc --no-files --arguments '(__hermes_svc_complete)'

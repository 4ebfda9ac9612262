import {HomeFile} from '../../gateway/contract.js'
import type {ChatAdvice} from '../../observe/chat-advice.js'
import {adviceFor} from '../../lifecycle/see-online.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {onlineOfScene} from '../situation.js'

/** Who may talk to a gateway, and where, is for upstream's own wizard to ask. */
export const definition: CheckDefinition<ChatAdvice | undefined> = {
  id: 'chat-setup',
  title: 'a gateway that has no chat platform, or that nobody is allowed to talk to',
  why: 'The gateway runs, but no message ever reaches it.',
  seeByHand: [
    [`cat ~/.hermes/${HomeFile.state}`, '"platforms" is empty'],
    ['grep -E "TOKEN|ALLOW" ~/.hermes/.env', 'the tokens, and who is allowed to talk to the gateway'],
  ],
  whatTheFixDoes: 'Type "hermes gateway setup": it asks for a platform and for the people who are allowed to talk to the gateway.',
  ifItComesBack:
    'You changed settings that this gateway does not read. Type "hermes-svc status" to see which home the service uses, and compare its config.yaml and .env with yours.',
  needsService: false,
  needsManager: false,
  look: (scene) => adviceFor(scene.target, scene.seen, onlineOfScene(scene)),
  diagnose: (_scene, advice) =>
    advice === undefined
      ? []
      : [
          {
            kind: advice.kind,
            severity: 'info',
            what: advice.what,
            evidence: [advice.evidence],
            cure: advice.next,
            isFixable: false,
          },
        ],
}

export const check = defineCheck(definition)

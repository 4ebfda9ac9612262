import type {ChatAdvice} from '../../observe/chat-advice.js'
import {adviceFor} from '../../lifecycle/see-online.js'
import {type CheckDefinition, defineCheck} from '../check.js'
import {onlineOfScene} from '../situation.js'

/** Who may talk to a gateway, and where, is for upstream's own wizard to ask. */
export const definition: CheckDefinition<ChatAdvice | undefined> = {
  id: 'chat-setup',
  title: 'a gateway without a chat platform, or one that nobody may talk to',
  why: 'The gateway does what it can, and no message ever reaches it.',
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

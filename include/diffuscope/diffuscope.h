/* diffuscope/diffuscope.h - all public headers. docs/library.md is the way in.
 *
 *   base, tensor, rng, rle                memory, errors, cancellation; tensors and files of them
 *   model, inspect, tokenizer, overlay    checkpoints, their parts, their words, changed weights
 *   run, sampler                          from a prompt to a picture
 *   verbs, probe                          encode, denoise, pull back, decode; look inside, change
 *   daam, info, pid, ...                  instruments
 *   image, figure, chart, page, terminal  pictures of results
 *   stats, score, truth, scenes ...       evaluation
 *   letters, syntax, optional             text of figures and grammar, by a second library or the caller */

#ifndef DIFFUSCOPE_DIFFUSCOPE_H
#define DIFFUSCOPE_DIFFUSCOPE_H

#include <diffuscope/base.h>
#include <diffuscope/captions.h>
#include <diffuscope/chart.h>
#include <diffuscope/daam.h>
#include <diffuscope/embedding.h>
#include <diffuscope/export.h>
#include <diffuscope/figure.h>
#include <diffuscope/image.h>
#include <diffuscope/info.h>
#include <diffuscope/inspect.h>
#include <diffuscope/job.h>
#include <diffuscope/letters.h>
#include <diffuscope/lora.h>
#include <diffuscope/methods.h>
#include <diffuscope/model.h>
#include <diffuscope/option.h>
#include <diffuscope/optional.h>
#include <diffuscope/overlap.h>
#include <diffuscope/overlay.h>
#include <diffuscope/page.h>
#include <diffuscope/pid.h>
#include <diffuscope/probe.h>
#include <diffuscope/record.h>
#include <diffuscope/result.h>
#include <diffuscope/rle.h>
#include <diffuscope/rng.h>
#include <diffuscope/run.h>
#include <diffuscope/sampler.h>
#include <diffuscope/scenes.h>
#include <diffuscope/score.h>
#include <diffuscope/stats.h>
#include <diffuscope/syntax.h>
#include <diffuscope/tensor.h>
#include <diffuscope/terminal.h>
#include <diffuscope/tokenizer.h>
#include <diffuscope/train.h>
#include <diffuscope/truth.h>
#include <diffuscope/value.h>
#include <diffuscope/verbs.h>

#endif

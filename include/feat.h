/* libfeat: an embedded feature store. This header includes every public module and declares nothing itself. */
#ifndef FEAT_H
#define FEAT_H

#include "feat/base.h"
#include "feat/progress.h"
#include "feat/arrow.h"
#include "feat/type.h"
#include "feat/store.h"
#include "feat/show.h"
#include "feat/write.h"
#include "feat/transaction.h"
#include "feat/snapshot.h"
#include "feat/changes.h"
#include "feat/derive.h"
#include "feat/push.h"
#include "feat/retention.h"
#include "feat/verify.h"
#include "feat/backup.h"
#include "feat/export.h"
#include "feat/training.h"
#include "feat/materialize.h"
#include "feat/online.h"

#endif

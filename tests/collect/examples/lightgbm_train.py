import json

import lightgbm
import numpy as np

x = np.arange(200.0).reshape(100, 2)
evals = {}
model = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1)
model.fit(
    x,
    x[:, 0],
    eval_set=[(x, x[:, 0])],
    eval_names=["valid"],
    eval_metric="mae",
    callbacks=[lightgbm.record_evaluation(evals)],
)
json.dump(evals, open("evals.json", "w"))

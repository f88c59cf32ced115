import json

import numpy as np
import xgboost

x = np.arange(40.0).reshape(20, 2)
data = xgboost.DMatrix(x, x[:, 0])
evals = {}
xgboost.train(
    {"eval_metric": ["rmse", "mae"], "nthread": 1},
    data,
    10,
    evals=[(data, "train")],
    evals_result=evals,
    verbose_eval=False,
)
json.dump(evals, open("evals.json", "w"))

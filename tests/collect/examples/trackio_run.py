import trackio

trackio.init(project="example", config={"lr": 0.1}, embed=False)
for step in range(10):
    trackio.log({"loss": 1 / (step + 1), "acc": step / 10})
trackio.log({"late": 1.0}, step=20)
trackio.finish()
